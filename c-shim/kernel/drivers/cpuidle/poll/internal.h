/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _POLL_INTERNAL_H
#define _POLL_INTERNAL_H
/*
 * What the files that poll from the idle loop have of each other.
 */

#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/poll_source.h>

/**
 * struct poll_cpu - what one CPU polls
 * @core: which of them to look at
 * @rings: those of its sources, by slot
 * @nr: how many there are
 * @slots: all of them are in slots before this one
 * @probe: the slot whose interrupts are counted in this wait
 *
 * Its own CPU alone touches it, see bind.c.
 */
struct poll_cpu {
	struct poll_core core;
	struct poll_ring *rings[POLL_CORE_SOURCES];
	unsigned int nr;
	unsigned int slots;
	u8 probe;
};

/* Allocated for a CPU's first source. */
DECLARE_PER_CPU(struct poll_cpu *, poll_cpus);

/* core.c */
u64 poll_source_ran(struct poll_source *source, bool hit, u64 start);

/* wait.c */
bool poll_source_wait(struct poll_cpu *pc, u64 limit);

/* bind.c */
extern struct mutex poll_source_lock;
extern struct list_head poll_sources;
void poll_source_follow(void);
int poll_source_bind_init(void);

/* stats.c */
struct dentry *poll_source_stats_init(void);

#endif /* _POLL_INTERNAL_H */
