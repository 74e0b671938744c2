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

/* Sources on one CPU. */
#define POLL_CORE_SOURCES	256

/* What suppresses a ring's interrupts. */
enum poll_ring_kind {
	POLL_RING_EVENT,	/* split, the index of its event */
	POLL_RING_FLAGS,	/* split, the driver's flags: there is no event index */
	POLL_RING_PACKED,	/* packed, the driver's flags */
};

/*
 * The poll core's Borrow (borrow.rs); zero: the ring is not borrowed. C reads @mine
 * alone, which is 0 then.
 */
struct poll_borrow {
	u64 looked;
	u16 wish;
	u16 mine;
	u16 at;
	bool told;
	bool owed;
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
 * @borrow: the poll core's
 * @looks: how often it was looked at
 * @episodes: how often it was borrowed and returned
 *
 * What the pointers name is in the CPU's byte order, is shared with the driver
 * on any CPU and, but for @taken, @shadow and @batch, with the device. The rest is
 * the poller's: the CPU that polls the ring alone writes it. debugfs reads some of it.
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
	struct poll_borrow borrow;
	unsigned long looks;
	unsigned long episodes;
};

/**
 * struct poll_core - which of a CPU's sources to look at, and when
 * @opaque: the poll core's; zero: there are no sources
 *
 * Its own CPU alone touches it: in the wait, or while it is not idle.
 */
struct poll_core {
	u64 opaque[290];
};

/*
 * Implemented in Rust. No locks; the owning CPU alone, and not from within the wait.
 * @rings are the CPU's, by slot. @flags is the word whose bits @resched say that the
 * CPU has something to run.
 */
int poll_core_add(struct poll_core *core);
void poll_core_remove(struct poll_core *core, u8 slot);
void poll_core_missed(struct poll_core *core, u8 slot);
bool poll_core_wait(struct poll_core *core, struct poll_ring *const *rings,
		    const unsigned long *flags, unsigned long resched,
		    u64 now, u64 limit);

/*
 * Implemented in C, called by the core in the wait, interrupts on and RCU watching. A
 * hit runs the handler of the ring's source as an interrupt, and softirqs. Without
 * @softirqs those are held until poll_core_softirqs(), after an interrupt as well; the
 * ring there is that of the first such hit. Both begin at @start, and return the time
 * after that; a hit 0 if nobody was told, as handle_polled_irq() says.
 */
bool poll_ring_swap(u16 *event, u16 old, u16 new, bool weak_barriers);
u64 poll_core_clock(void);
u64 poll_core_hit(struct poll_ring *ring, bool softirqs, u64 start);
u64 poll_core_softirqs(struct poll_ring *ring, u64 start);

#endif /* _LINUX_POLL_CORE_H */
