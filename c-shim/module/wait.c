// SPDX-License-Identifier: GPL-2.0
/*
 * wait.c - the polled wait: does what the poll core decides
 *
 * The poll core (Rust, <linux/poll_core.h>) chooses the source to look at, judges
 * its ring and says when to stop. Nothing here is the module's own: how a hit
 * runs its handler is in hit.c, who calls the wait in idle.c.
 *
 * A hit ends an episode. All borrowed queues are returned, so that none stays silent
 * while softirqs run; then softirqs run; then, if nobody was woken, the next episode
 * of the same wait begins.
 */

#include <linux/bottom_half.h>
#include <linux/poll_source.h>
#include <linux/processor.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>

#define CREATE_TRACE_POINTS
#include <trace/events/poll_source.h>

/*
 * Poll this CPU's sources until one has a hit, the CPU has something to run, or the
 * time is over. In the end no source is borrowed. Returns the reason, and in @hit
 * whether there was a hit; then softirqs are disabled, and the reason is
 * POLL_CORE_RESCHED. As one hit ends an episode, the core's budget for hits never
 * does.
 */
static enum poll_core_reason poll_source_episode(struct poll_cpu *pc, u64 *now,
						 u64 limit, bool *hit)
{
	u64 spent = 0;
	u32 step, input;

	step = poll_core_start(&pc->core, *now, limit, limit / 2, need_resched());
	for (;;) {
		u8 arg = step >> POLL_CORE_ARG_SHIFT;
		struct poll_source *source = pc->sources[arg];

		switch ((u8)step) {
		case POLL_CORE_LOOK:
			source->stats.looks++;
			input = poll_ring_look(&source->ring, *now);
			break;
		case POLL_CORE_HIT:
			/*
			 * Softirqs wait until all queues are returned. Not before
			 * the first hit: an interrupt in the wait runs its own.
			 */
			if (!*hit) {
				poll_source_update_jiffies(pc, *now);
				local_bh_disable();
				*hit = true;
			}
			spent = poll_source_hit(source, now);
			input = POLL_CORE_HIT_DONE;
			break;
		case POLL_CORE_HAND_BACK:
			source->stats.episodes++;
			input = poll_ring_return(&source->ring, *now) ?
				POLL_CORE_HANDED_BACK_WORK :
				POLL_CORE_HANDED_BACK;
			break;
		case POLL_CORE_REST:
			cpu_relax();
			input = POLL_CORE_RESTED;
			break;
		case POLL_CORE_CLOCK:
			*now = local_clock();
			input = POLL_CORE_CLOCK_READ;
			break;
		default:
			return arg;
		}
		step = poll_core_step(&pc->core, input, *now, spent,
				      *hit || need_resched());
		/* Work that is not told now is owed when the queue is returned. */
		if (input == POLL_CORE_WORK && (u8)step != POLL_CORE_HIT)
			poll_ring_not_told(&source->ring);
	}
}

/**
 * poll_source_wait - wait for something to run, and poll this CPU's sources
 * @pc: this CPU's
 * @limit: how long, in ns; at most a tick, for a timer that a handler or a softirq
 *	arms while the tick is stopped is not seen to before the wait is over
 *
 * Called in the idle task with preemption off, interrupts on and RCU watching,
 * the polling flag set. When it returns no source of this CPU is borrowed.
 *
 * Return: POLL_CORE_RESCHED if the CPU has something to run, else
 * POLL_CORE_LIMIT.
 */
enum poll_core_reason poll_source_wait(struct poll_cpu *pc, u64 limit)
{
	u64 start = local_clock(), now = start;
	enum poll_core_reason reason;
	bool hit;

	pc->hit_after = 0;
	trace_poll_source_start(pc->nr, limit);
	do {
		hit = false;
		reason = poll_source_episode(pc, &now, limit - (now - start), &hit);
		if (!hit)
			break;
		if (!pc->hit_after)
			pc->hit_after = now - start ?: 1;
		local_bh_enable();
		/* Hit after hit the CPU neither halts nor switches. */
		rcu_momentary_eqs();
		now = local_clock();
		if (!need_resched())
			reason = POLL_CORE_LIMIT;
	} while (reason != POLL_CORE_RESCHED && now - start < limit);
	trace_poll_source_stop(reason, now - start);
	return reason;
}
