/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_POLL_SOURCE_H
#define _LINUX_POLL_SOURCE_H
/*
 * Devices that are polled from the idle loop instead of interrupting it.
 */

#include <linux/interrupt.h>
#include <linux/jump_label.h>
#include <linux/list.h>
#include <linux/poll_core.h>
#include <linux/workqueue.h>

struct cpuidle_device;
struct cpuidle_driver;
struct device;
struct irq_desc;

/**
 * struct poll_source - a virtqueue that a CPU can poll while it is idle
 * @ring: where to look, and whether it is borrowed
 * @dev: the device
 * @name: the queue's name, which outlives the source
 * @irq: its interrupt, perhaps one of several users; the source follows it from
 *	CPU to CPU
 * @handler: what a hit runs, not with force_irqthreads(); NULL: the line's own actions,
 *	which may be threads. Needed where those read a register that says nothing while
 *	the interrupt is suppressed.
 * @dev_id: the handler's second argument
 *
 * The rest belongs to drivers/cpuidle/poll/.
 *
 * @desc: the interrupt's descriptor; it outlives the source
 * @cpu: the CPU that polls it; negative while none does
 * @slot: its place on that CPU
 * @node: in the list of all sources
 * @work: binds and unbinds it, on the CPU
 * @hits: runs of its interrupt handler that no interrupt called
 * @missed: waits into which its interrupt broke
 * @time_ns: time in its handler and the softirqs after it, hits alone
 */
struct poll_source {
	struct poll_ring ring;
	struct device *dev;
	const char *name;
	unsigned int irq;
	irq_handler_t handler;
	void *dev_id;

	struct irq_desc *desc;
	int cpu;
	u8 slot;
	struct list_head node;
	struct work_struct work;
	unsigned long hits;
	unsigned long missed;
	u64 time_ns;
};

DECLARE_STATIC_KEY_FALSE(poll_source_key);

/**
 * poll_source_active - may any source be registered?
 *
 * Any context, noinstr included. It follows what is registered a little later.
 *
 * Return: true if so; while it is not, this is a patched-out branch.
 */
static __always_inline bool poll_source_active(void)
{
	return IS_ENABLED(CONFIG_CPU_IDLE_POLL_SOURCE) &&
	       static_branch_unlikely(&poll_source_key);
}

bool poll_source_idle(struct cpuidle_device *dev, struct cpuidle_driver *drv);

void poll_source_register(struct poll_source *source);
void poll_source_unregister(struct poll_source *source);
bool poll_source_bound(const struct poll_source *source);
const char *poll_source_obstacle(void);

#endif /* _LINUX_POLL_SOURCE_H */
