/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/bug.h>

struct mutex {
	bool held;
};

#define DEFINE_MUTEX(name)	struct mutex name

static inline void mutex_lock(struct mutex *lock)
{
	WARN_ON_ONCE(lock->held);
	lock->held = true;
}

static inline void mutex_unlock(struct mutex *lock)
{
	WARN_ON_ONCE(!lock->held);
	lock->held = false;
}
