// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - poll virtio queues from the idle loop of a stock kernel
 *
 * A CPU that is about to halt waits a short time first. During the wait it
 * looks at the rings of the devices whose interrupts it takes, and these
 * devices do not interrupt it. No kernel code is replaced or patched. hooks.c,
 * idle.c, queue.c and hit.c describe how a module can do this; README.md lists
 * what a module cannot do.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/reboot.h>
#include <linux/suspend.h>

#include "module.h"

#ifdef CONFIG_PREEMPT_RT
#error With PREEMPT_RT a hit would take sleeping locks in the idle task.
#endif

static int poll_source_pm_notify(struct notifier_block *nb, unsigned long action,
				 void *unused)
{
	switch (action) {
	case PM_HIBERNATION_PREPARE:
	case PM_SUSPEND_PREPARE:
	case PM_RESTORE_PREPARE:
		poll_devices_pause(true);
		break;
	case PM_POST_HIBERNATION:
	case PM_POST_SUSPEND:
	case PM_POST_RESTORE:
		poll_devices_pause(false);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block poll_source_pm_nb = {
	.notifier_call = poll_source_pm_notify,
};

/* Reboot, halt, power-off and kexec. */
static int poll_source_reboot_notify(struct notifier_block *nb, unsigned long action,
				     void *unused)
{
	poll_devices_pause(true);
	return NOTIFY_DONE;
}

static struct notifier_block poll_source_reboot_nb = {
	.notifier_call = poll_source_reboot_notify,
};

static int poll_source_bind_state;
static struct dentry *poll_source_dir;

static int __init poll_source_init(void)
{
	int ret;

	poll_source_hits_init();
	poll_source_bind_state = poll_source_bind_init();
	if (poll_source_bind_state < 0)
		return poll_source_bind_state;
	ret = poll_source_idle_init();
	if (ret)
		goto out_bind;
	/* Before any device can be polled: each suspend must pause polling. */
	ret = register_pm_notifier(&poll_source_pm_nb);
	if (ret)
		goto out_idle;
	ret = register_reboot_notifier(&poll_source_reboot_nb);
	if (ret)
		goto out_pm;
	ret = poll_devices_init();
	if (ret)
		goto out_reboot;
	poll_source_dir = poll_source_stats_init();
	return 0;

out_reboot:
	unregister_reboot_notifier(&poll_source_reboot_nb);
out_pm:
	unregister_pm_notifier(&poll_source_pm_nb);
out_idle:
	poll_source_idle_exit();
	poll_source_hits_exit();
out_bind:
	poll_source_bind_exit(poll_source_bind_state);
	return ret;
}

static void __exit poll_source_exit(void)
{
	debugfs_remove(poll_source_dir);
	poll_devices_exit();
	unregister_reboot_notifier(&poll_source_reboot_nb);
	unregister_pm_notifier(&poll_source_pm_nb);
	poll_source_idle_exit();
	poll_source_hits_exit();
	poll_source_bind_exit(poll_source_bind_state);
}

module_init(poll_source_init);
module_exit(poll_source_exit);

MODULE_DESCRIPTION("Poll virtio queues from the idle loop");
MODULE_VERSION("1.0");
MODULE_LICENSE("GPL");
