/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
/* What the tests call. */
#include <linux/poll_source.h>
