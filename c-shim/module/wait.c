// SPDX-License-Identifier: GPL-2.0
/*
 * wait.c - the polled wait: does what the poll core decides
 *
 * The poll core (Rust, <linux/poll_core.h>) chooses the source to look at, judges
 * its ring and says when to stop. Nothing here is the module's own: how a hit
 * runs its handler is in hit.c, who calls the wait in idle.c.
 *
 * Softirqs run after each hit, and then the wait goes on. Nobody looks at the other
 * queues meanwhile. Returning them costs an interrupt for whatever comes in that
 * time: half of the packets that a ping-pong receives. Keeping them borrowed makes
 * it wait. So they stay borrowed while a source's softirqs have been short so far,
 * and are returned first where they have been long.
 */

#include <linux/bottom_half.h>
#include <linux/poll_source.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>

#define CREATE_TRACE_POINTS
#include <trace/events/poll_source.h>

/* How long other queues may be silent while softirqs run. */
#define POLL_SOFTIRQS_SHORT_NS	(100 * NSEC_PER_USEC)

/* Run what the source's handler has raised, and learn how long that takes. */
static void poll_source_softirqs(struct poll_source *source, u64 *now)
{
	u64 start = *now;

	local_bh_enable();
	*now = local_clock();
	/* One that was long is believed to be long some 30 times. */
	source->softirqs_ns = max(*now - start,
				  source->softirqs_ns - source->softirqs_ns / 8);
}

/*
 * Run the source's handler, and its softirqs where they are short. Otherwise they
 * stay disabled, and the source becomes *@slow. Where there is one already, its
 * softirqs wait for all queues to be returned, and all others' with them.
 */
static u64 poll_source_hit_and_softirqs(struct poll_cpu *pc, struct poll_source *source,
					struct poll_source **slow, u64 *now)
{
	u64 spent;

	if (*slow)
		return poll_source_hit(source, now);

	poll_source_update_jiffies(pc, *now);
	local_bh_disable();
	spent = poll_source_hit(source, now);
	if (!pc->hit_after)
		pc->hit_after = *now - pc->started ?: 1;
	if (source->softirqs_ns > POLL_SOFTIRQS_SHORT_NS)
		*slow = source;
	else
		poll_source_softirqs(source, now);
	return spent;
}

/*
 * Poll this CPU's sources until the CPU has something to run, the time is over, or
 * one has a hit whose softirqs may be long. In the end no source is borrowed.
 * Returns the reason, or the source in @slow; then softirqs are disabled. The
 * core's budget for handlers is the whole wait, so it ends none.
 */
static enum poll_core_reason poll_source_episode(struct poll_cpu *pc, u64 *now,
						 u64 limit, struct poll_source **slow)
{
	u64 spent = 0;
	u32 step, input;

	step = poll_core_start(&pc->core, *now, limit, limit, need_resched());
	for (;;) {
		u8 arg = step >> POLL_CORE_ARG_SHIFT;
		struct poll_source *source = pc->sources[arg];

		switch ((u8)step) {
		case POLL_CORE_LOOK:
			source->stats.looks++;
			input = poll_ring_look(&source->ring, *now);
			break;
		case POLL_CORE_HIT:
			spent = poll_source_hit_and_softirqs(pc, source, slow, now);
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
				      *slow || need_resched());
		/* Work that is not told now is owed when the queue is returned. */
		if (input == POLL_CORE_WORK && (u8)step != POLL_CORE_HIT)
			poll_ring_not_told(&source->ring);
	}
}

/**
 * poll_source_wait - wait for something to run, and poll this CPU's sources
 * @pc: this CPU's
 * @limit: how long, in ns; at most a tick, for a timer that a handler or a softirq
 *	arms while the tick is stopped is not seen to before the wait is over, and
 *	a halt or a switch, which RCU waits for, comes after it
 *
 * Called in the idle task with preemption off, interrupts on and RCU watching,
 * the polling flag set. When it returns no source of this CPU is borrowed.
 *
 * Return: POLL_CORE_RESCHED if the CPU has something to run, else
 * POLL_CORE_LIMIT.
 */
enum poll_core_reason poll_source_wait(struct poll_cpu *pc, u64 limit)
{
	u64 now = local_clock();
	enum poll_core_reason reason;
	struct poll_source *slow;

	pc->started = now;
	pc->hit_after = 0;
	trace_poll_source_start(pc->nr, limit);
	do {
		slow = NULL;
		reason = poll_source_episode(pc, &now, pc->started + limit - now, &slow);
		if (!slow)
			break;
		poll_source_softirqs(slow, &now);
		reason = need_resched() ? POLL_CORE_RESCHED : POLL_CORE_LIMIT;
	} while (reason != POLL_CORE_RESCHED && now - pc->started < limit);
	trace_poll_source_stop(reason, now - pc->started);
	return reason;
}
