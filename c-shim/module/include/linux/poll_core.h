/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_POLL_CORE_H
#define _LINUX_POLL_CORE_H
/*
 * Everything that crosses between the poll core, which is written in Rust and
 * decides, and the module's C, which acts.
 *
 * poll_core.rs mirrors each type and number here, and a test on the host compares
 * them (rust-core/module/crossing.rs).
 */

#include <linux/types.h>

/* The outcome of the last action. @now and @spent count only where named. */
enum poll_core_input {
	POLL_CORE_NOT_MINE,		/* LOOK: the queue could not be borrowed */
	POLL_CORE_NOTHING,		/* LOOK: borrowed, no work */
	POLL_CORE_WORK,			/* LOOK: borrowed, and work */
	POLL_CORE_HIT_DONE,		/* HIT: @now, and what it took in @spent */
	POLL_CORE_HANDED_BACK,		/* HAND_BACK: nothing is pending */
	POLL_CORE_HANDED_BACK_WORK,	/* HAND_BACK: an interrupt is owed */
	POLL_CORE_RESTED,		/* REST */
	POLL_CORE_CLOCK_READ,		/* CLOCK: @now */
};

/* What to do next: bits 7..0 of a step. */
enum poll_core_action {
	POLL_CORE_LOOK,		/* poll_ring_look() at the slot */
	POLL_CORE_HIT,		/* run the slot's handler as an interrupt */
	POLL_CORE_HAND_BACK,	/* poll_ring_return() the slot */
	POLL_CORE_REST,		/* relax the CPU */
	POLL_CORE_CLOCK,	/* read the clock */
	POLL_CORE_DONE,		/* leave, for the reason */
};

/* Why polling ended. */
enum poll_core_reason {
	POLL_CORE_RESCHED,	/* the CPU has something to run, or a hit happened */
	POLL_CORE_LIMIT,	/* the wait is over: halt */
	POLL_CORE_BUDGET,	/* the handlers took too long: halt */
};

/* The slot or the reason: bits 15..8 of a step. */
#define POLL_CORE_ARG_SHIFT	8

/* Sources on one CPU. */
#define POLL_CORE_SOURCES	256

/**
 * struct poll_core - one CPU's poll machine; its own CPU alone may touch it
 * @opaque: the poll core's
 */
struct poll_core {
	u64 opaque[240];
};

/**
 * struct poll_ring - a split ring with an event index, and who has borrowed it
 * @used: the used index, which the device writes
 * @avail: the index of available buffers, which the driver writes
 * @event: the event index, which the driver writes and the poller borrows
 * @borrow: the poll core's; zero: not borrowed
 *
 * Touched by the CPU that polls the queue, and by nobody else.
 */
struct poll_ring {
	const u16 *used;
	const u16 *avail;
	u16 *event;
	u64 borrow[2];
};

/**
 * struct poll_limits - between what a CPU's wait adapts; times in ns
 * @max: the longest wait, and the longest halt that is worth a longer wait
 * @grow_start: the shortest wait
 * @grow: what the wait is multiplied by when it was too short
 * @shrink: what it is divided by when it was in vain; 0: start over
 * @allow_shrink: whether it ever gets shorter
 */
struct poll_limits {
	u32 max;
	u32 grow_start;
	u32 grow;
	u32 shrink;
	bool allow_shrink;
};

/* Implemented in Rust: the machine. No locks; the owning CPU only. */
void poll_core_init(struct poll_core *core);
int poll_core_add(struct poll_core *core);
bool poll_core_remove(struct poll_core *core, u8 slot);
void poll_core_missed(struct poll_core *core, u8 slot);
u32 poll_core_start(struct poll_core *core, u64 now, u64 limit, u64 budget,
		    bool resched);
u32 poll_core_step(struct poll_core *core, u32 input, u64 now, u64 spent,
		   bool resched);

/* Implemented in Rust: the borrowed ring. The CPU that polls it only. */
u32 poll_ring_look(struct poll_ring *ring, u64 now);
bool poll_ring_return(struct poll_ring *ring, u64 now);
void poll_ring_not_told(struct poll_ring *ring);
bool poll_ring_is_borrowed(const struct poll_ring *ring);

/* Implemented in Rust: how long to wait. Any context. */
u64 poll_limit_after_halt(u64 limit, const struct poll_limits *limits,
			  u64 idle);
u64 poll_limit_after_hit(u64 limit, const struct poll_limits *limits,
			 u64 waited);

#endif /* _LINUX_POLL_CORE_H */
