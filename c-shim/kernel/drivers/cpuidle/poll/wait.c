// SPDX-License-Identifier: GPL-2.0
/*
 * wait.c - what surrounds a polled wait, which is poll_core_wait() (Rust)
 */

#include <linux/cpumask.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/smp.h>
#include <linux/thread_info.h>
#include <trace/events/poll_source.h>

#include "internal.h"

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
 * Return: whether the CPU has something to run. Not if that came of telling a driver
 * again: then it is to halt.
 */
bool poll_source_wait(struct poll_cpu *pc, u64 limit)
{
	struct poll_ring *ring = pc->rings[pc->probe];
	struct poll_source *probe = ring ? container_of(ring, struct poll_source, ring) : NULL;
	unsigned int cpu = smp_processor_id();
	u64 start = local_clock();
	unsigned int before = 0;
	bool resched;

	if (probe)
		before = irq_desc_kstat_cpu(probe->desc, cpu);
	trace_poll_source_start(pc->nr, limit);
	resched = poll_core_wait(&pc->core, pc->rings, &current_thread_info()->flags,
				 _TIF_NEED_RESCHED, start, limit);
	if (trace_poll_source_stop_enabled())
		trace_poll_source_stop(resched, local_clock() - start);

	if (probe) {
		const struct cpumask *mask =
			irq_data_get_effective_affinity_mask(&probe->desc->irq_data);

		if (irq_desc_kstat_cpu(probe->desc, cpu) != before) {
			probe->missed++;
			poll_core_missed(&pc->core, probe->slot);
		}
		if (!cpumask_test_cpu(cpu, mask))
			poll_source_follow();
	}
	/* Slots have few gaps: one is taken as soon as it is free. */
	if (++pc->probe >= pc->slots)
		pc->probe = 0;
	return resched;
}
