// SPDX-License-Identifier: GPL-2.0
/*
 * core.c - what the poll core does not do itself
 */

#include <linux/atomic.h>
#include <linux/sched/clock.h>

#include <asm/barrier.h>

#include "internal.h"

#define CREATE_TRACE_POINTS
#include <trace/events/poll_source.h>

/**
 * poll_ring_swap - put one word in the place of another, if that is there
 * @event: the event suppression of a ring, which its driver and device share
 * @old: what may be there
 * @new: what to put there
 * @weak_barriers: as struct poll_ring's
 *
 * A full barrier follows for the device, too, which runs on another CPU even if this
 * kernel has one alone, and so takes LOCK for needless. It pairs with the device's,
 * between its write of the used index, or descriptor, and its reading of the word.
 *
 * Return: whether @old was there.
 */
bool poll_ring_swap(u16 *event, u16 old, u16 new, bool weak_barriers)
{
	bool swapped = sync_cmpxchg(event, old, new) == old;

	if (weak_barriers)
		smp_mb__after_atomic();	/* pairs with the device's, see above */
	else
		mb();			/* likewise */
	return swapped;
}

u64 poll_core_clock(void)
{
	return local_clock();
}

/* A source's handler has run, or softirqs that it had left. Returns the time. */
u64 poll_source_ran(struct poll_source *source, bool hit, u64 start)
{
	u64 now = local_clock();

	source->hits += hit;
	source->time_ns += now - start;
	if (hit)
		trace_poll_source_hit(source, now - start);
	return now;
}
