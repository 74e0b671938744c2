/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/spinlock.h>

extern spinlock_t cpuidle_driver_lock;
