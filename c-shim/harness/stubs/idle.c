// SPDX-License-Identifier: GPL-2.0
/* The idle loop of the stub kernel, and cpuidle's driver. */

#include <kernel.h>

void ct_cpuidle_exit(void)
{
	WARN_ON_ONCE(harness.irqs_on || harness.rcu_watching);
	harness.rcu_watching = true;
}

void ct_cpuidle_enter(void)
{
	WARN_ON_ONCE(harness.irqs_on || !harness.rcu_watching);
	harness.rcu_watching = false;
}

/* A moment of the wait, in which the test makes something happen. */
static void moment(void)
{
	void (*happens)(void) = harness.moment;

	if (!happens || !harness.polling || harness.hardirq || harness.in_softirq)
		return;
	harness.moment = NULL;
	happens();
	harness.moment = happens;
}

u64 local_clock(void)
{
	moment();
	return harness.clock++;
}

bool current_set_polling_and_test(void)
{
	WARN_ON_ONCE(harness.polling);
	harness.polling = true;
	return READ_ONCE(current_thread_info()->flags) & _TIF_NEED_RESCHED;
}

void current_clr_polling(void)
{
	WARN_ON_ONCE(!harness.polling);
	harness.polling = false;
}

/* cpuidle's driver */

spinlock_t cpuidle_driver_lock;

struct cpuidle_driver *cpuidle_get_driver(void)
{
	static struct cpuidle_driver driver;

	WARN_ON_ONCE(!mutex_is_mine(&cpuidle_driver_lock));
	driver.states[0].flags = harness.no_poll_state ? 0 : CPUIDLE_FLAG_POLLING;
	return harness.no_driver ? NULL : &driver;
}
