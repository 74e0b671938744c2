/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_POLL_CORE_H
#define _LINUX_POLL_CORE_H
/*
 * Everything that crosses between the poll core, which is written in Rust and
 * decides, and its shim, which is written in C and does.
 *
 * Drivers use <linux/poll_source.h>.
 */

#include <linux/types.h>

struct poll_gate;

/**
 * struct poll_gate_ops - a device's side of its gate
 * @suppress: ask the device not to interrupt. A hint.
 * @publish: ask it to interrupt once it passes @index, ordered before any later
 *	read in @pending.
 * @pending: has it done enough to interrupt at @index? No barrier.
 *
 * Called from the idle loop with interrupts on or off, RCU watching.
 */
struct poll_gate_ops {
	void (*suppress)(struct poll_gate *gate);
	void (*publish)(struct poll_gate *gate, u16 index);
	bool (*pending)(struct poll_gate *gate, u16 index);
};

/**
 * struct poll_gate - who may write a device's event suppression
 * @word: the state, written by the poll core alone; 0 is closed
 * @ops: the device's side
 */
struct poll_gate {
	u32 word;
	const struct poll_gate_ops *ops;
};

/* Who writes the event suppression. */
enum poll_gate_owner {
	POLL_GATE_UNSHARED,	/* the gate is closed: the driver, as ever */
	POLL_GATE_DRIVER,
	POLL_GATE_POLLER,
};

/* May the handler run? */
enum poll_gate_entry {
	POLL_GATE_CLOSED,	/* yes, and do not call poll_gate_handler_exit() */
	POLL_GATE_RUN,		/* yes, while poll_gate_handler_exit() says so */
	POLL_GATE_ELSEWHERE,	/* no: it runs, and will run once more */
};

/* What came of the last action; @now and @spent count only where named. */
enum poll_core_input {
	POLL_CORE_NOT_MINE,		/* LOOK: the driver wants no events */
	POLL_CORE_NOTHING,		/* LOOK: owned, no work */
	POLL_CORE_WORK,			/* LOOK: owned, and work */
	POLL_CORE_HIT_DONE,		/* HIT: @now, and what it took in @spent */
	POLL_CORE_HANDED_BACK,		/* HAND_BACK: nothing is pending */
	POLL_CORE_HANDED_BACK_WORK,	/* HAND_BACK: an interrupt is owed */
	POLL_CORE_RESTED,		/* REST */
	POLL_CORE_CLOCK_READ,		/* CLOCK: @now */
};

/* What to do next: bits 7..0 of a step. */
enum poll_core_action {
	POLL_CORE_LOOK,		/* poll_gate_look() at the slot */
	POLL_CORE_HIT,		/* run the slot's handler as an interrupt */
	POLL_CORE_HAND_BACK,	/* poll_gate_hand_back() the slot */
	POLL_CORE_REST,		/* relax the CPU */
	POLL_CORE_CLOCK,	/* read the clock */
	POLL_CORE_DONE,		/* leave, for the reason */
};

/* Why polling ended. */
enum poll_core_reason {
	POLL_CORE_RESCHED,	/* the CPU has something to run */
	POLL_CORE_LIMIT,	/* the wait is over: halt */
	POLL_CORE_BUDGET,	/* the handlers took too long: halt */
};

/* The slot or the reason: bits 15..8 of a step. */
#define POLL_CORE_ARG_SHIFT	8

/* Sources on one CPU. */
#define POLL_CORE_SOURCES	256

/**
 * struct poll_core - one CPU's poll machine; its own CPU alone may touch it
 * @opaque: the poll core's; it checks the size when it is built
 */
struct poll_core {
	u64 opaque[240];
};

/* Implemented in Rust: the machine. No locks; the owning CPU only. */
void poll_core_init(struct poll_core *core);
int poll_core_add(struct poll_core *core);
bool poll_core_remove(struct poll_core *core, u8 slot);
void poll_core_missed(struct poll_core *core, u8 slot);
u32 poll_core_start(struct poll_core *core, u64 now, u64 limit, u64 budget,
		    bool resched);
u32 poll_core_step(struct poll_core *core, enum poll_core_input input, u64 now,
		   u64 spent, bool resched);

/* Implemented in Rust: the gate. Any context, any CPU. */
void poll_gate_open(struct poll_gate *gate);
bool poll_gate_close(struct poll_gate *gate);
enum poll_gate_owner poll_gate_disable(struct poll_gate *gate);
enum poll_gate_owner poll_gate_enable(struct poll_gate *gate, u16 index);
enum poll_core_input poll_gate_look(struct poll_gate *gate);
bool poll_gate_hand_back(struct poll_gate *gate);
bool poll_gate_is_polled(struct poll_gate *gate);
enum poll_gate_entry poll_gate_handler_enter(struct poll_gate *gate, bool hit);
bool poll_gate_handler_exit(struct poll_gate *gate);
bool poll_gate_late_interrupt(struct poll_gate *gate);

#endif /* _LINUX_POLL_CORE_H */
