/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_POLL_SOURCE_H
#define _LINUX_POLL_SOURCE_H
/*
 * Devices that are polled from the idle loop instead of interrupting it.
 */

#include <linux/jump_label.h>
#include <linux/list.h>
#include <linux/poll_core.h>
#include <linux/workqueue.h>

struct cpuidle_device;
struct cpuidle_driver;

/**
 * struct poll_source - something a CPU can poll while it is idle
 * @gate: who may write its event suppression; the owner sets @gate.ops
 * @irq: its interrupt, of which it is the only user; the source follows it
 *	from CPU to CPU
 * @hit: its interrupt handler. Called in hardirq context on the CPU that
 *	polled it, and never by two CPUs at once if the real interrupt's
 *	handler goes by poll_gate_handler_enter() as well.
 *
 * The rest belongs to poll_source.c.
 *
 * @cpu: the CPU that polls it; negative while none does
 * @slot: its place on that CPU
 * @node: in the list of all sources
 * @follow: moves it to the CPU that its interrupt goes to
 */
struct poll_source {
	struct poll_gate gate;
	unsigned int irq;
	void (*hit)(struct poll_source *source);

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
void poll_source_note_irq(struct poll_source *source);

int poll_source_register(struct poll_source *source);
void poll_source_unregister(struct poll_source *source);
void poll_source_synchronize(struct poll_source *source);

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
