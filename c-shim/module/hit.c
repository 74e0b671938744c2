// SPDX-License-Identifier: GPL-2.0
/*
 * hit.c - run a source's interrupt handler, although no interrupt came
 *
 * What a module can have of an interrupt's entry and exit. irq_enter() and
 * irq_exit() are not exported, so:
 *
 *  - The handler's time is not accounted as interrupt time. The tick, or the
 *    precise accounting of idle time, takes it for idle time.
 *  - Softirqs are run by local_bh_enable().
 *  - jiffies are not brought up to date while the tick is stopped: see
 *    poll_source_update_jiffies().
 *  - A timer armed by the handler while the tick is stopped goes unnoticed until
 *    the idle loop comes round, after the wait. That is true of an interrupt in the
 *    wait as well, and of haltpoll's wait. A wait is no longer than a tick, which
 *    is what such timers are counted in.
 *
 * The interrupt core knows of a hit all the same. handle_untracked_irq() runs the
 * line's actions under IRQD_IRQ_INPROGRESS, so that a handler never runs on two
 * CPUs at once, and disable_irq(), synchronize_irq(), free_irq() and suspend hold
 * for hits. It does not count in /proc/interrupts, for nothing interrupted, and it
 * touches no interrupt chip. handle_simple_irq() differs in the count alone;
 * handle_edge_irq() would acknowledge an interrupt that never came.
 */

#include <linux/bottom_half.h>
#include <linux/hardirq.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irq_work.h>
#include <linux/irqdesc.h>
#include <linux/jiffies.h>
#include <linux/percpu.h>
#include <linux/processor.h>
#include <linux/sched/clock.h>

#include "module.h"

static DEFINE_PER_CPU(struct irq_work, poll_jiffies_work);
/* When an interrupt last ran here, at the latest: jiffies were right. */
static DEFINE_PER_CPU(u64, poll_jiffies_fresh);

/*
 * Wait for a handler that runs on another CPU, to which the line has just moved
 * or from which it came: that one may be past its last look at the ring. Later
 * ones see the event. They take this lock after us, and then read the ring; so
 * handle_untracked_irq() may ignore us in favour of one.
 *
 * A handler is short, and waits for nothing that an idle task could hold. The
 * interrupt core itself waits like this (irq_wait_on_inprogress()).
 */
static void poll_source_wait_for_handler(struct irq_desc *desc)
{
	bool busy;

	for (;;) {
		raw_spin_lock_irq(&desc->lock);
		busy = irqd_irq_inprogress(&desc->irq_data);
		raw_spin_unlock_irq(&desc->lock);
		if (!busy)
			return;
		cpu_relax();
	}
}

/* Tell the interrupt core that the line fired. Hardirq context. */
static void poll_source_tell(struct poll_source *source)
{
	struct irq_desc *desc = source->desc;
	unsigned int unhandled;

	/* A disabled line becomes pending, and fires when it is enabled. */
	handle_untracked_irq(desc);
	/*
	 * An interrupt that was on its way may find nothing to do now. It is no reason to
	 * switch the line off ("nobody cared").
	 */
	unhandled = READ_ONCE(desc->irqs_unhandled);
	if (unhandled)
		WRITE_ONCE(desc->irqs_unhandled, unhandled - 1);

	/*
	 * The interrupt itself came to another CPU while we ran the handler.
	 * handle_edge_irq() has masked it there and left it to us. To enable it unmasks
	 * it in any case, and sends it again if it is pending. It may not be: another
	 * CPU that polls a queue of this line may have run the handler just now, and
	 * handle_edge_irq() unmasks nothing then.
	 */
	if (unlikely(irqd_irq_masked(&desc->irq_data) &&
		     !irqd_irq_disabled(&desc->irq_data))) {
		disable_irq_nosync(source->irq);
		enable_irq(source->irq);
	}
}

/* tick_irq_enter() has seen to it already. */
static void poll_jiffies_fn(struct irq_work *work)
{
}

/**
 * poll_source_interrupted - an interrupt ran on this CPU just now
 *
 * Called in the idle task.
 */
void poll_source_interrupted(void)
{
	this_cpu_write(poll_jiffies_fresh, local_clock());
}

/*
 * Bring jiffies up to date before a hit.
 *
 * While the tick is stopped, an interrupt brings jiffies up to date as it enters.
 * A CPU whose devices are polled may have none for as long as it finds work and
 * nobody is woken, on a router for instance. Whether the tick is stopped is not
 * for a module to know. So it interrupts itself, once a tick at most. Softirqs are
 * enabled: otherwise irq_enter() does not take the CPU for idle, and leaves jiffies
 * alone.
 */
static void poll_source_update_jiffies(void)
{
	u64 now = local_clock();

	if (now - this_cpu_read(poll_jiffies_fresh) < TICK_NSEC)
		return;
	this_cpu_write(poll_jiffies_fresh, now);
	irq_work_queue(this_cpu_ptr(&poll_jiffies_work));
}

/* A hit runs the line's own actions, in whatever context they want. */
bool poll_source_can_hit(const struct poll_source *source)
{
	return true;
}

/**
 * poll_source_hit - run a source's handler as an interrupt
 * @source: the source
 * @softirqs: run softirqs as well; else they are held
 *
 * Called in the idle task, interrupts on, RCU watching.
 *
 * Return: true, for a disabled line becomes pending, and fires when it is enabled.
 */
bool poll_source_hit(struct poll_source *source, bool softirqs)
{
	if (softirqs)
		poll_source_hold_softirqs();
	poll_source_wait_for_handler(source->desc);

	local_irq_disable();
	__irq_enter_raw();
	poll_source_tell(source);
	__irq_exit_raw();
	local_irq_enable();

	if (softirqs)
		poll_source_run_softirqs();
	return true;
}

/* No softirq runs on this CPU until poll_source_run_softirqs(). */
void poll_source_hold_softirqs(void)
{
	poll_source_update_jiffies();
	local_bh_disable();
}

void poll_source_run_softirqs(void)
{
	local_bh_enable();
}

void poll_source_hits_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		per_cpu(poll_jiffies_work, cpu) = IRQ_WORK_INIT_HARD(poll_jiffies_fn);
}

/* No CPU is in the wait any more. */
void poll_source_hits_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		irq_work_sync(&per_cpu(poll_jiffies_work, cpu));
}
