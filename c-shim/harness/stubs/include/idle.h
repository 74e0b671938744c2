/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
/* The idle loop and cpuidle. */

#include "locks.h"

#define _TIF_NEED_RESCHED	0x14UL

struct thread_info {
	unsigned long flags;
};

struct thread_info *current_thread_info(void);
bool current_set_polling_and_test(void);
void current_clr_polling(void);
u64 local_clock(void);
void ct_cpuidle_enter(void);
void ct_cpuidle_exit(void);

#define CPUIDLE_FLAG_POLLING	1

struct cpuidle_device {
	bool poll_time_limit;
};

struct cpuidle_state {
	unsigned int flags;
};

struct cpuidle_driver {
	u64 poll_time;
	struct cpuidle_state states[1];
};

extern spinlock_t cpuidle_driver_lock;
struct cpuidle_driver *cpuidle_get_driver(void);

static inline u64 cpuidle_poll_time(struct cpuidle_driver *drv,
				    struct cpuidle_device *dev)
{
	return drv->poll_time;
}
