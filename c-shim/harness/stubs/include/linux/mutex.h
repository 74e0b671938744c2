/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/bug.h>
#include <linux/compiler.h>

struct mutex {
	struct harness *holder;
};

#define DEFINE_MUTEX(name)	struct mutex name

void mutex_lock(struct mutex *lock);
void mutex_unlock(struct mutex *lock);

static inline bool mutex_is_mine(struct mutex *lock)
{
	return READ_ONCE(lock->holder) == &harness;
}
