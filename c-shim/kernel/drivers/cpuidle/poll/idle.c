// SPDX-License-Identifier: GPL-2.0
/*
 * idle.c - where the idle loop polls: in cpuidle's POLL state
 */

#include <linux/context_tracking.h>
#include <linux/cpuidle.h>
#include <linux/init.h>
#include <linux/irqflags.h>
#include <linux/sched.h>
#include <linux/sched/idle.h>
#include <linux/spinlock.h>

#include "../cpuidle.h"
#include "internal.h"

static void poll_source_polled_wait(struct poll_cpu *pc, struct cpuidle_device *dev,
				    struct cpuidle_driver *drv)
{
	dev->poll_time_limit = false;

	local_irq_enable();
	if (!current_set_polling_and_test())
		dev->poll_time_limit =
			!poll_source_wait(pc, cpuidle_poll_time(drv, dev));
	local_irq_disable();
	current_clr_polling();
}

/**
 * poll_source_idle - wait in the POLL state, and poll this CPU's sources
 * @dev: the CPU's cpuidle device
 * @drv: its driver
 *
 * Called from the POLL state, interrupts off and RCU not watching, as states
 * without CPUIDLE_FLAG_RCU_IDLE are. Drivers need RCU, so it watches during
 * the wait.
 *
 * Return: false if this CPU has no sources, and nothing was done.
 */
bool __cpuidle poll_source_idle(struct cpuidle_device *dev,
				struct cpuidle_driver *drv)
{
	struct poll_cpu *pc = raw_cpu_read(poll_cpus);

	if (!pc || !pc->nr)
		return false;

	ct_cpuidle_exit();
	poll_source_polled_wait(pc, dev, drv);
	ct_cpuidle_enter();

	return true;
}

/**
 * poll_source_obstacle - why is nothing polled on this system?
 *
 * Return: a reason for people to read, or NULL if there is none.
 */
const char *poll_source_obstacle(void)
{
	struct cpuidle_driver *drv;
	bool polls;

	spin_lock(&cpuidle_driver_lock);
	drv = cpuidle_get_driver();
	polls = drv && drv->states[0].flags & CPUIDLE_FLAG_POLLING;
	spin_unlock(&cpuidle_driver_lock);
	return polls ? NULL : "the idle loop has no polling state";
}

static int __init poll_source_init(void)
{
	int state = poll_source_bind_init();

	if (state < 0)
		return state;
	poll_source_stats_init();
	return 0;
}
subsys_initcall(poll_source_init);
