// SPDX-License-Identifier: GPL-2.0
/*
 * hit.c - run a source's interrupt handler, although no interrupt came
 *
 * The handler runs between irq_enter() and irq_exit_poll(): its time and that of
 * its softirqs is interrupt time, the tick and RCU see an interrupt. The interrupt
 * core knows of it, see handle_polled_irq().
 *
 * With PREEMPT_RT softirqs run in threads. None is held then: a hit wakes the
 * thread, and that ends the wait.
 */

#include <linux/bottom_half.h>
#include <linux/hardirq.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqflags.h>
#include <linux/preempt.h>

#include "internal.h"

/* As irq_enter(), also while softirqs are held: it must see that the CPU was idle. */
static void poll_source_enter(void)
{
	local_irq_disable();
	if (!IS_ENABLED(CONFIG_PREEMPT_RT) && softirq_count())
		_local_bh_enable();
	irq_enter();
}

u64 poll_core_hit(struct poll_ring *ring, bool softirqs, u64 start)
{
	struct poll_source *source = container_of(ring, struct poll_source, ring);
	bool hold = !softirqs && !IS_ENABLED(CONFIG_PREEMPT_RT);
	bool told;

	poll_source_enter();
	told = handle_polled_irq(source->desc, source->handler, source->dev_id);
	irq_exit_poll(!hold);
	if (hold)
		local_bh_disable();
	local_irq_enable();
	return told ? poll_source_ran(source, true, start) : 0;
}

u64 poll_core_softirqs(struct poll_ring *ring, u64 start)
{
	struct poll_source *source = container_of(ring, struct poll_source, ring);

	if (!IS_ENABLED(CONFIG_PREEMPT_RT)) {
		poll_source_enter();
		irq_exit_poll(true);
		local_irq_enable();
	}
	return poll_source_ran(source, false, start);
}
