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

/**
 * poll_core_clock - the time, in ns, as the poll core counts it
 */
u64 poll_core_clock(void)
{
	return local_clock();
}

/**
 * poll_core_hit - run a source's handler as an interrupt
 * @ring: the source's ring
 * @softirqs: run softirqs as well; else they are held until poll_core_softirqs()
 * @start: the time
 *
 * Return: the time after that; 0 if nobody was told.
 */
u64 poll_core_hit(struct poll_ring *ring, bool softirqs, u64 start)
{
	struct poll_source *source = container_of(ring, struct poll_source, ring);
	u64 now;

	if (!poll_source_hit(source, softirqs))
		return 0;

	now = local_clock();
	source->stats.hits++;
	source->stats.time_ns += now - start;
	trace_poll_source_hit(source, now - start);
	return now;
}

/**
 * poll_core_softirqs - run the softirqs that are held
 * @ring: of the source whose hit was the first to hold them
 * @start: the time
 *
 * Return: the time after that.
 */
u64 poll_core_softirqs(struct poll_ring *ring, u64 start)
{
	struct poll_source *source = container_of(ring, struct poll_source, ring);
	u64 now;

	poll_source_run_softirqs();
	now = local_clock();
	source->stats.time_ns += now - start;
	return now;
}
