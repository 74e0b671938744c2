/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _POLL_LIMIT_H
#define _POLL_LIMIT_H
/*
 * The length of a CPU's wait in the module's own idle driver: poll/limit.rs.
 */

#include <linux/types.h>

/**
 * struct poll_limits - how the limit of a CPU's wait adapts; times in ns
 * @max: the longest wait; also the longest idle time after which the limit
 *	grows
 * @grow_start: the shortest wait
 * @grow: the factor by which the limit grows when the wait was too short
 * @shrink: the factor by which the limit shrinks when the wait was without
 *	effect; 0: start over
 * @allow_shrink: whether the limit may shrink
 */
struct poll_limits {
	u32 max;
	u32 grow_start;
	u32 grow;
	u32 shrink;
	bool allow_shrink;
};

/* Implemented in Rust. Both return the next limit, in ns. Any context. */
u64 poll_limit_after_halt(u64 limit, const struct poll_limits *limits,
			  u64 idle);
u64 poll_limit_after_hit(u64 limit, const struct poll_limits *limits,
			 u64 waited);

#endif /* _POLL_LIMIT_H */
