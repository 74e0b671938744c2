// SPDX-License-Identifier: GPL-2.0
/*
 * wait.c - the polled wait: does what the poll core decides
 *
 * The poll core (Rust, <linux/poll_core.h>) looks at the rings, says when there is
 * an interrupt handler to run, and when to stop. How a handler is run as an
 * interrupt is in hit.c, who calls the wait in idle.c.
 */

#include <linux/cpumask.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/smp.h>
#include <linux/thread_info.h>

#include "internal.h"

#define CREATE_TRACE_POINTS
#include <trace/events/poll_source.h>

static u32 poll_source_start(struct poll_cpu *pc, u64 now, u64 limit)
{
	return poll_core_start(&pc->core, pc->rings, &current_thread_info()->flags,
			       _TIF_NEED_RESCHED, now, limit);
}

static u32 poll_source_step(struct poll_cpu *pc, u32 input, u64 now, u64 spent)
{
	return poll_core_step(&pc->core, pc->rings, &current_thread_info()->flags,
			      _TIF_NEED_RESCHED, input, now, spent);
}

/* Run a source's handler as an interrupt. Returns the next step. */
static u32 poll_source_do_hit(struct poll_cpu *pc, u8 slot, bool softirqs)
{
	struct poll_source *source = poll_cpu_source(pc, slot);
	u64 start = local_clock(), now, spent;

	if (!poll_source_hit(source, softirqs))
		return poll_source_step(pc, POLL_CORE_HIT_REFUSED, start, 0);

	now = local_clock();
	spent = now - start;
	source->stats.hits++;
	source->stats.time_ns += spent;
	if (!pc->hit_after)
		pc->hit_after = start - pc->started ?: 1;
	trace_poll_source_hit(source, spent);
	return poll_source_step(pc, POLL_CORE_HIT_DONE, now, spent);
}

/* Run the softirqs that were held, which @source raised before others did. */
static u32 poll_source_do_softirqs(struct poll_cpu *pc, struct poll_source *source)
{
	u64 start = local_clock(), now, spent;

	poll_source_run_softirqs();
	now = local_clock();
	spent = now - start;
	source->stats.time_ns += spent;
	return poll_source_step(pc, POLL_CORE_SOFTIRQS_DONE, now, spent);
}

static enum poll_core_reason poll_source_poll(struct poll_cpu *pc, u64 limit)
{
	u32 step = poll_source_start(pc, pc->started, limit);
	struct poll_source *held = NULL;

	for (;;) {
		u8 arg = step >> POLL_CORE_ARG_SHIFT;

		switch ((u8)step) {
		case POLL_CORE_HIT:
			step = poll_source_do_hit(pc, arg, true);
			break;
		case POLL_CORE_HIT_ALONE:
			if (!held) {
				poll_source_hold_softirqs();
				held = poll_cpu_source(pc, arg);
			}
			step = poll_source_do_hit(pc, arg, false);
			break;
		case POLL_CORE_SOFTIRQS:
			step = poll_source_do_softirqs(pc, held);
			held = NULL;
			break;
		case POLL_CORE_REST:
			cpu_relax();
			step = poll_source_step(pc, POLL_CORE_RESTED, 0, 0);
			break;
		case POLL_CORE_CLOCK:
			step = poll_source_step(pc, POLL_CORE_CLOCK_READ,
						local_clock(), 0);
			break;
		default:
			return arg;
		}
	}
}

/**
 * poll_source_wait - wait for something to run, and poll this CPU's sources
 * @pc: this CPU's
 * @limit: how long, in ns
 *
 * Called in the idle task with preemption off, interrupts on and RCU watching,
 * the polling flag set. When it returns no ring of this CPU is borrowed. Neither the
 * tick nor RCU sees the CPU pass anything but interrupts before.
 *
 * In each wait one source, each in its turn, is checked: did its interrupt break into
 * the wait, so that it is worth polling again? Does it still come here?
 *
 * Return: POLL_CORE_RESCHED if the CPU has something to run, else
 * POLL_CORE_LIMIT. Also the latter if that came of telling a driver again.
 */
enum poll_core_reason poll_source_wait(struct poll_cpu *pc, u64 limit)
{
	struct poll_source *probe = poll_cpu_source(pc, pc->probe);
	enum poll_core_reason reason;
	unsigned int cpu = smp_processor_id();
	unsigned int before = 0;

	if (probe)
		before = irq_desc_kstat_cpu(probe->desc, cpu);
	pc->started = local_clock();
	pc->hit_after = 0;
	trace_poll_source_start(pc->nr, limit);
	reason = poll_source_poll(pc, limit);
	if (trace_poll_source_stop_enabled())
		trace_poll_source_stop(reason, local_clock() - pc->started);

	if (probe) {
		const struct cpumask *mask =
			irq_data_get_effective_affinity_mask(&probe->desc->irq_data);

		if (irq_desc_kstat_cpu(probe->desc, cpu) != before) {
			probe->stats.missed++;
			poll_core_missed(&pc->core, probe->slot);
		}
		if (!cpumask_test_cpu(cpu, mask))
			poll_source_follow();
	}
	/* Slots have few gaps: one is taken as soon as it is free. */
	if (++pc->probe >= pc->slots)
		pc->probe = 0;
	return reason;
}
