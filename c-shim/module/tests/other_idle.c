// SPDX-License-Identifier: GPL-2.0
/*
 * other_idle.c - an idle driver that was there first, for the module's tests
 *
 * With a polling state, as haltpoll has, for the module to take over; or without
 * (polling=0), so that it has to refuse. The parameter `enter` says whose function
 * the first state has now.
 */

#include <linux/cpu.h>
#include <linux/cpuidle.h>
#include <linux/module.h>

static bool polling = true;
module_param(polling, bool, 0444);
MODULE_PARM_DESC(polling, "Have a polling state (default: Y)");

static __cpuidle int other_idle_halt(struct cpuidle_device *dev,
				     struct cpuidle_driver *drv, int index)
{
	arch_cpu_idle();
	return index;
}

static const struct cpuidle_state other_idle_halt_state = {
	.name = "HALT",
	.desc = "halt",
	.enter = other_idle_halt,
	.exit_latency = 1,
	/* So that a governor prefers to poll for all but the longest times. */
	.target_residency = 3000,
};

static struct cpuidle_driver other_idle_driver = {
	.name = "other_idle",
	/* No .owner: it would pin this module for as long as it is registered. */
};

static int other_idle_get_enter(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%ps\n", READ_ONCE(other_idle_driver.states[0].enter));
}

static const struct kernel_param_ops other_idle_enter_ops = {
	.get = other_idle_get_enter,
};
module_param_cb(enter, &other_idle_enter_ops, NULL, 0444);
MODULE_PARM_DESC(enter, "What the first state's enter is");

static int __init other_idle_init(void)
{
	unsigned int count = 0;

	if (polling) {
		cpuidle_poll_state_init(&other_idle_driver);
		count++;
	}
	other_idle_driver.states[count++] = other_idle_halt_state;
	other_idle_driver.state_count = count;
	return cpuidle_register(&other_idle_driver, NULL);
}

static void __exit other_idle_exit(void)
{
	cpuidle_unregister(&other_idle_driver);
}

module_init(other_idle_init);
module_exit(other_idle_exit);

MODULE_DESCRIPTION("An idle driver, for the tests of poll_source");
MODULE_LICENSE("GPL");
