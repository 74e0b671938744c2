/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
/* What the tests call. */
#include <harness.h>
#include <linux/cpuidle.h>
#include <linux/errno.h>
#include <linux/poll_source.h>
#include <ring.h>
