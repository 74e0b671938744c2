/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/types.h>

struct cpuidle_device {
	bool poll_time_limit;
};

#define CPUIDLE_FLAG_POLLING	1

struct cpuidle_state {
	unsigned int flags;
};

struct cpuidle_driver {
	u64 poll_time;
	struct cpuidle_state states[1];
};

struct cpuidle_driver *cpuidle_get_driver(void);

static inline u64 cpuidle_poll_time(struct cpuidle_driver *drv,
				    struct cpuidle_device *dev)
{
	return drv->poll_time;
}

void ct_cpuidle_enter(void);
void ct_cpuidle_exit(void);
