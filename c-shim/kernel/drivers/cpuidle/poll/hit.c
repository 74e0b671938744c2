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

#include "internal.h"

/**
 * poll_source_can_hit - can a hit run the source's handler?
 * @source: the source
 *
 * The line's own actions it can, also where they are threads, which it wakes. A
 * given handler must run in hardirq context.
 *
 * Return: true if it can.
 */
bool poll_source_can_hit(const struct poll_source *source)
{
	return !source->handler || !force_irqthreads();
}

/**
 * poll_source_hit - run a source's handler as an interrupt
 * @source: the source
 * @softirqs: run softirqs as well; else they are held, and stay so
 *
 * Called in the idle task, interrupts on, RCU watching.
 *
 * Return: false if the interrupt core refused, for the line is disabled or
 * suspended.
 */
bool poll_source_hit(struct poll_source *source, bool softirqs)
{
	bool held = !softirqs && !IS_ENABLED(CONFIG_PREEMPT_RT);
	bool told;

	local_irq_disable();
	/* irq_enter() must see that it interrupts the idle task. */
	if (held)
		_local_bh_enable();
	irq_enter();
	told = handle_polled_irq(source->desc, source->handler, source->dev_id);
	irq_exit_poll(!held);
	if (held)
		local_bh_disable();
	local_irq_enable();

	return told;
}

/**
 * poll_source_hold_softirqs - no softirq runs on this CPU from now on
 *
 * Until poll_source_run_softirqs(). An interrupt in between leaves its softirqs, too.
 */
void poll_source_hold_softirqs(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return;

	local_bh_disable();
}

/**
 * poll_source_run_softirqs - run softirqs that were held
 */
void poll_source_run_softirqs(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return;

	local_irq_disable();
	_local_bh_enable();
	irq_enter();
	irq_exit_poll(true);
	local_irq_enable();
}
