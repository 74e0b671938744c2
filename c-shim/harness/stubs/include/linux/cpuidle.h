/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/types.h>

struct cpuidle_device {
	bool poll_time_limit;
};

struct cpuidle_driver {
	u64 poll_time;
};

static inline u64 cpuidle_poll_time(struct cpuidle_driver *drv,
				    struct cpuidle_device *dev)
{
	return drv->poll_time;
}

void ct_cpuidle_enter(void);
void ct_cpuidle_exit(void);
