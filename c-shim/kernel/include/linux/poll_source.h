/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_POLL_SOURCE_H
#define _LINUX_POLL_SOURCE_H
/*
 * Devices that are polled from the idle loop instead of interrupting it.
 */

#include <linux/irqreturn.h>
#include <linux/jump_label.h>
#include <linux/list.h>
#include <linux/poll_core.h>
#include <linux/workqueue.h>

struct cpuidle_device;
struct cpuidle_driver;
struct device;

/**
 * struct poll_source_stats - what the polling of a source came to
 * @episodes: waits in which it was taken over
 * @looks: looks at it
 * @hits: runs of its handler that no interrupt called
 * @late: interrupts that found nothing to do, after a hit had done it
 * @missed: interrupts that broke into a wait which did not poll it
 * @time_ns: time in its handler, hits alone
 *
 * Counted on one CPU at a time and read without a lock.
 */
struct poll_source_stats {
	unsigned long episodes;
	unsigned long looks;
	unsigned long hits;
	unsigned long late;
	unsigned long missed;
	u64 time_ns;
};

/**
 * struct poll_source - something a CPU can poll while it is idle
 * @gate: who may write its event suppression; the owner sets @gate.ops
 * @dev: the device that it is part of
 * @name: which part of it, a string that outlives the source
 * @irq: its interrupt, perhaps one of several users; the source follows it
 *	from CPU to CPU
 * @handler: its interrupt handler. Called in hardirq context, for a hit or by
 *	poll_source_interrupt(), and never on two CPUs at once.
 *
 * The rest belongs to poll_source.c.
 *
 * @stats: what came of it so far
 * @cpu: the CPU that polls it; negative while none does
 * @slot: its place on that CPU
 * @node: in the list of all sources
 * @follow: moves it to the CPU that its interrupt goes to
 */
struct poll_source {
	struct poll_gate gate;
	struct device *dev;
	const char *name;
	unsigned int irq;
	irqreturn_t (*handler)(struct poll_source *source);

	struct poll_source_stats stats;
	int cpu;
	u8 slot;
	struct list_head node;
	struct work_struct follow;
};

#ifdef CONFIG_CPU_IDLE_POLL_SOURCE

DECLARE_STATIC_KEY_FALSE(poll_source_key);

/**
 * poll_source_active - is any source registered?
 *
 * Any context, noinstr included.
 *
 * Return: true if so; while it is not, this is a patched-out branch.
 */
static __always_inline bool poll_source_active(void)
{
	return static_branch_unlikely(&poll_source_key);
}

bool poll_source_idle(struct cpuidle_device *dev, struct cpuidle_driver *drv);

int poll_source_register(struct poll_source *source);
void poll_source_unregister(struct poll_source *source);
void poll_source_synchronize(struct poll_source *source);
irqreturn_t poll_source_interrupt(struct poll_source *source);
bool poll_source_bound(const struct poll_source *source);
const char *poll_source_obstacle(void);

#else

static __always_inline bool poll_source_active(void)
{
	return false;
}

static __always_inline bool poll_source_idle(struct cpuidle_device *dev,
					     struct cpuidle_driver *drv)
{
	return false;
}

#endif /* CONFIG_CPU_IDLE_POLL_SOURCE */

#endif /* _LINUX_POLL_SOURCE_H */
