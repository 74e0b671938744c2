/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM poll_source

#if !defined(_TRACE_POLL_SOURCE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_POLL_SOURCE_H

#include <linux/device.h>
#include <linux/poll_source.h>
#include <linux/tracepoint.h>

/* A CPU begins to wait and to poll. */
TRACE_EVENT(poll_source_start,

	TP_PROTO(unsigned int sources, u64 limit),

	TP_ARGS(sources, limit),

	TP_STRUCT__entry(
		__field(unsigned int, sources)
		__field(u64, limit)
	),

	TP_fast_assign(
		__entry->sources = sources;
		__entry->limit = limit;
	),

	TP_printk("sources=%u limit_ns=%llu", __entry->sources, __entry->limit)
);

/* A source had work, and its handler has run; @spent: without softirqs that are held. */
TRACE_EVENT(poll_source_hit,

	TP_PROTO(const struct poll_source *source, u64 spent),

	TP_ARGS(source, spent),

	TP_STRUCT__entry(
		__string(dev, dev_name(source->dev))
		__string(name, source->name)
		__field(unsigned int, irq)
		__field(u64, spent)
	),

	TP_fast_assign(
		__assign_str(dev);
		__assign_str(name);
		__entry->irq = source->irq;
		__entry->spent = spent;
	),

	TP_printk("source=%s/%s irq=%u spent_ns=%llu", __get_str(dev),
		  __get_str(name), __entry->irq, __entry->spent)
);

/* The wait is over, and no ring is borrowed. */
TRACE_EVENT(poll_source_stop,

	TP_PROTO(bool resched, u64 waited),

	TP_ARGS(resched, waited),

	TP_STRUCT__entry(
		__field(bool, resched)
		__field(u64, waited)
	),

	TP_fast_assign(
		__entry->resched = resched;
		__entry->waited = waited;
	),

	TP_printk("reason=%s waited_ns=%llu",
		  __entry->resched ? "resched" : "limit", __entry->waited)
);

#endif /* _TRACE_POLL_SOURCE_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
