/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
/* The header for bindgen, with what the tests call. */
#include <linux/poll_source.h>
