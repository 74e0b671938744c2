// SPDX-License-Identifier: GPL-2.0
/*
 * hit.c - run a source's interrupt handler, although no interrupt came
 *
 * A module can do only a part of an interrupt's entry and exit, because
 * irq_enter() and irq_exit() are not exported:
 *
 *  - The handler's time is not accounted as interrupt time. The tick, or the
 *    precise accounting of idle time, counts it as idle time.
 *  - local_bh_enable() runs the softirqs.
 *  - A hit does not update jiffies while the tick is stopped: see
 *    poll_source_update_jiffies().
 *  - If the handler arms a timer while the tick is stopped, the idle loop sees
 *    the timer only after the wait. The same is true for a timer armed by an
 *    interrupt in the wait, and in haltpoll's wait. A wait is no longer than a
 *    tick, which is the unit of such timers.
 *
 * The interrupt core still knows of each hit. handle_untracked_irq() runs the
 * line's actions under IRQD_IRQ_INPROGRESS. So a handler never runs on two CPUs
 * at once, and disable_irq(), synchronize_irq(), free_irq() and suspend work
 * for hits. A hit is not counted in /proc/interrupts, because nothing
 * interrupted, and does not access the interrupt chip. handle_simple_irq()
 * would differ only in that count. handle_edge_irq() would acknowledge an
 * interrupt that never came.
 */

#include <linux/bottom_half.h>
#include <linux/hardirq.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irq_work.h>
#include <linux/irqdesc.h>
#include <linux/jiffies.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/sched/clock.h>

#include "module.h"

static DEFINE_PER_CPU(struct irq_work, poll_jiffies_work);
/* local_clock() at the last known interrupt here, which updated jiffies. */
static DEFINE_PER_CPU(u64, poll_jiffies_fresh);
/* local_clock() at the first hit since poll_source_first_hit(), or 0. */
static DEFINE_PER_CPU(u64, poll_first_hit);

/*
 * Wait for a handler that runs on another CPU, to which or from which the line
 * has just moved. That handler may already have read the ring for the last
 * time, and miss the event. A handler that starts after this wait sees the
 * event, because it takes desc->lock after us and reads the ring after that. So
 * handle_untracked_irq() may skip our hit if such a handler runs.
 *
 * A handler is short, and does not wait for anything that an idle task could
 * hold. The interrupt core itself waits in the same way
 * (irq_wait_on_inprogress()).
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

/* Tell the interrupt core that the line fired. Called in hardirq context. */
static void poll_source_tell(struct poll_source *source)
{
	struct irq_desc *desc = source->desc;
	unsigned int unhandled;

	/* A disabled line becomes pending, and fires when it is enabled. */
	handle_untracked_irq(desc);
	/*
	 * An interrupt that was already on its way may now find nothing to do.
	 * It must not count as unhandled, or the line could be switched off
	 * ("nobody cared").
	 */
	unhandled = READ_ONCE(desc->irqs_unhandled);
	if (unhandled)
		WRITE_ONCE(desc->irqs_unhandled, unhandled - 1);

	/*
	 * The interrupt itself came to another CPU while we ran the handler.
	 * handle_edge_irq() has masked the line there and left the event to us.
	 * enable_irq() unmasks the line in any case, and sends the interrupt
	 * again if it is pending. Another CPU that polls a queue of this line
	 * may have just run the handler, so that nothing is pending. Then
	 * handle_edge_irq() would not unmask the line.
	 */
	if (unlikely(irqd_irq_masked(&desc->irq_data) &&
		     !irqd_irq_disabled(&desc->irq_data))) {
		disable_irq_nosync(source->irq);
		enable_irq(source->irq);
	}
}

/* Nothing to do: tick_irq_enter() has already updated jiffies. */
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
 * Update jiffies before a hit.
 *
 * While the tick is stopped, the entry of an interrupt updates jiffies. A CPU
 * whose devices are polled may have no interrupt as long as it finds work and
 * no task is woken, for example on a router. A module cannot know whether the
 * tick is stopped. So the CPU interrupts itself, at most once a tick. Called
 * with softirqs enabled: otherwise irq_enter() does not regard the CPU as idle,
 * and does not update jiffies.
 */
static void poll_source_update_jiffies(u64 now)
{
	if (now - this_cpu_read(poll_jiffies_fresh) < TICK_NSEC)
		return;
	this_cpu_write(poll_jiffies_fresh, now);
	irq_work_queue(this_cpu_ptr(&poll_jiffies_work));
}

/**
 * poll_source_first_hit - local_clock() at this CPU's first hit since the last call
 *
 * Called in the idle task.
 *
 * Return: that time; 0 if there was none.
 */
u64 poll_source_first_hit(void)
{
	u64 first = this_cpu_read(poll_first_hit);

	this_cpu_write(poll_first_hit, 0);
	return first;
}

/* No softirq runs on this CPU until local_bh_enable(). */
static void poll_source_hold_softirqs(u64 now)
{
	if (!this_cpu_read(poll_first_hit))
		this_cpu_write(poll_first_hit, now);
	poll_source_update_jiffies(now);
	local_bh_disable();
}

/*
 * Never 0, because no hit is lost: a disabled line becomes pending, and fires when
 * it is enabled.
 */
u64 poll_core_hit(struct poll_ring *ring, bool softirqs, u64 start)
{
	struct poll_source *source = container_of(ring, struct poll_source, ring);

	/* An earlier hit may hold them. */
	if (!softirq_count())
		poll_source_hold_softirqs(start);
	poll_source_wait_for_handler(source->desc);

	local_irq_disable();
	__irq_enter_raw();
	poll_source_tell(source);
	__irq_exit_raw();
	local_irq_enable();

	if (softirqs)
		local_bh_enable();

	return poll_source_ran(source, true, start);
}

u64 poll_core_softirqs(struct poll_ring *ring, u64 start)
{
	struct poll_source *source = container_of(ring, struct poll_source, ring);

	local_bh_enable();
	return poll_source_ran(source, false, start);
}

void poll_source_hits_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		per_cpu(poll_jiffies_work, cpu) = IRQ_WORK_INIT_HARD(poll_jiffies_fn);
}

/* Called when no CPU is in the wait any more. */
void poll_source_hits_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		irq_work_sync(&per_cpu(poll_jiffies_work, cpu));
}
