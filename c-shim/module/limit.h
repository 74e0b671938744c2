/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _POLL_LIMIT_H
#define _POLL_LIMIT_H
/*
 * How long a CPU waits in the module's own idle driver: poll/limit.rs.
 */

#include <linux/types.h>

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

/* Implemented in Rust. Any context. */
u64 poll_limit_after_halt(u64 limit, const struct poll_limits *limits,
			  u64 idle);
u64 poll_limit_after_hit(u64 limit, const struct poll_limits *limits,
			 u64 waited);

#endif /* _POLL_LIMIT_H */
