/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_POLL_CORE_H
#define _LINUX_POLL_CORE_H
/*
 * Everything that crosses between the poll core, which is written in Rust and
 * decides, and the C that acts (drivers/cpuidle/poll/).
 *
 * Drivers use <linux/poll_source.h>.
 */

#include <linux/types.h>

/* The outcome of the last action. @now and @spent count only where named. */
enum poll_core_input {
	POLL_CORE_HIT_DONE,	/* HIT, HIT_ALONE: @now, and what it took in @spent */
	POLL_CORE_HIT_REFUSED,	/* HIT, HIT_ALONE: nobody was told */
	POLL_CORE_SOFTIRQS_DONE,/* SOFTIRQS: @now, and what they took in @spent */
	POLL_CORE_RESTED,	/* REST */
	POLL_CORE_CLOCK_READ,	/* CLOCK: @now */
};

/* What to do next: bits 7..0 of a step. */
enum poll_core_action {
	POLL_CORE_HIT,		/* run the slot's handler as an interrupt, then softirqs */
	POLL_CORE_HIT_ALONE,	/* the same, and leave softirqs for later */
	POLL_CORE_SOFTIRQS,	/* run the softirqs that were left */
	POLL_CORE_REST,		/* relax the CPU */
	POLL_CORE_CLOCK,	/* read the clock */
	POLL_CORE_DONE,		/* leave, for the reason; no ring is borrowed */
};

/* Why polling ended. */
enum poll_core_reason {
	POLL_CORE_RESCHED,	/* the CPU has something to run */
	POLL_CORE_LIMIT,	/* the wait is over */
};

/* The slot or the reason: bits 15..8 of a step. */
#define POLL_CORE_ARG_SHIFT	8

/* Sources on one CPU. */
#define POLL_CORE_SOURCES	256

/* What suppresses a ring's interrupts. */
enum poll_ring_kind {
	POLL_RING_EVENT,	/* split, the index of its event */
	POLL_RING_FLAGS,	/* split, the driver's flags: there is no event index */
	POLL_RING_PACKED,	/* packed, the driver's flags */
};

/**
 * struct poll_ring - a virtqueue's ring, and whether it is borrowed
 * @used: split: the used index; packed: the flags of the first descriptor
 * @avail: POLL_RING_EVENT: the index of available buffers
 * @event: what the poller borrows: the event index, or the driver's flags
 * @taken: but for POLL_RING_EVENT: what the driver takes next; of a packed ring,
 *	with the wrap counter in bit 15
 * @shadow: but for POLL_RING_EVENT: the driver's note of its flags
 * @batch: with VIRTIO_F_IN_ORDER: not U32_MAX while the driver has a used batch that
 *	it did not take whole; else NULL
 * @size: the ring's entries, 0x2000 at most
 * @kind: an &enum poll_ring_kind
 * @weak_barriers: the device is software, and as coherent as another CPU
 * @borrow: the poll core's; zero: not borrowed
 * @looks: how often it was looked at
 * @episodes: how often it was borrowed and returned
 *
 * What the pointers name is in the CPU's byte order, is shared with the driver
 * on any CPU and, but for @taken, @shadow and @batch, with the device. The rest is
 * the poller's: the CPU that polls the ring alone touches it.
 */
struct poll_ring {
	const u16 *used;
	const u16 *avail;
	u16 *event;
	const u16 *taken;
	const u16 *shadow;
	const u32 *batch;
	u16 size;
	u8 kind;
	bool weak_barriers;
	u64 borrow[3];
	unsigned long looks;
	unsigned long episodes;
};

/**
 * struct poll_core - one CPU's poll machine
 * @opaque: the poll core's
 *
 * Its own CPU alone touches it: in the wait, or while it is not idle.
 */
struct poll_core {
	u64 opaque[304];
};

/*
 * Implemented in Rust: the machine. No locks; the owning CPU alone. @rings are the
 * CPU's, by slot. @flags is the word whose bits @resched say that the CPU has
 * something to run.
 */
void poll_core_init(struct poll_core *core);
int poll_core_add(struct poll_core *core);
bool poll_core_remove(struct poll_core *core, u8 slot);
void poll_core_missed(struct poll_core *core, u8 slot);
u32 poll_core_start(struct poll_core *core, struct poll_ring *const *rings,
		    const unsigned long *flags, unsigned long resched,
		    u64 now, u64 limit);
u32 poll_core_step(struct poll_core *core, struct poll_ring *const *rings,
		   const unsigned long *flags, unsigned long resched,
		   u32 input, u64 now, u64 spent);

/* Implemented in Rust. Any context, any CPU; the answer may be old at once. */
bool poll_ring_is_borrowed(const struct poll_ring *ring);

/* Implemented in C, called by the core in the wait. */
bool poll_ring_swap(u16 *event, u16 old, u16 new, bool weak_barriers);

#endif /* _LINUX_POLL_CORE_H */
