/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/mutex.h>

typedef struct mutex spinlock_t;

#define spin_lock	mutex_lock
#define spin_unlock	mutex_unlock
