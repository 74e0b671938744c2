/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
/* Locks and static keys. A lock knows the thread that holds it. */

#include "basics.h"

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

#define lockdep_assert_held(lock)	WARN_ON_ONCE(!mutex_is_mine(lock))

typedef struct mutex spinlock_t;

#define spin_lock	mutex_lock
#define spin_unlock	mutex_unlock

struct static_key_false {
	int enabled;
};

#define DECLARE_STATIC_KEY_FALSE(name)	extern struct static_key_false name
#define DEFINE_STATIC_KEY_FALSE(name)	struct static_key_false name
#define static_branch_unlikely(key)	(READ_ONCE((key)->enabled) > 0)
#define static_branch_enable(key)	set_static_key(key, 1)
#define static_branch_disable(key)	set_static_key(key, 0)

void cpus_read_lock(void);
#define cpus_read_unlock()	do { } while (0)

void set_static_key(struct static_key_false *key, int enabled);
