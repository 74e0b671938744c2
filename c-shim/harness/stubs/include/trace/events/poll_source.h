/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <harness.h>
#include <linux/poll_source.h>

static inline void trace_poll_source_start(unsigned int sources, u64 limit)
{
	WARN_ON_ONCE(!harness.rcu_watching);
	harness.starts++;
}

static inline void trace_poll_source_hit(const struct poll_source *source,
					 u64 spent)
{
	WARN_ON_ONCE(!harness.rcu_watching);
}

static inline bool trace_poll_source_stop_enabled(void)
{
	return true;
}

static inline void trace_poll_source_stop(unsigned int reason, u64 waited)
{
	WARN_ON_ONCE(!harness.rcu_watching);
	harness.stops++;
	harness.waited = waited;
}
