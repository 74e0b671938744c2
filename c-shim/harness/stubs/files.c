// SPDX-License-Identifier: GPL-2.0
/* What the shim shows: its file and its tracepoints. */

#include <kernel.h>

static const struct file_operations *sources;

void debugfs_create_file(const char *name, int mode, struct dentry *dir,
			 void *data, const struct file_operations *fops)
{
	WARN_ON_ONCE(__builtin_strcmp(name, "sources") || mode & 0222);
	sources = fops;
}

void harness_show_sources(void)
{
	struct seq_file m;

	harness.shown[0] = 0;
	WARN_ON_ONCE(sources->show(&m, NULL));
}

void seq_printf(struct seq_file *m, const char *format, ...)
{
	size_t len = __builtin_strlen(harness.shown);
	__builtin_va_list args;

	__builtin_va_start(args, format);
	__builtin_vsnprintf(harness.shown + len, sizeof(harness.shown) - len,
			    format, args);
	__builtin_va_end(args);
}

void seq_puts(struct seq_file *m, const char *text)
{
	seq_printf(m, "%s", text);
}

void trace_poll_source_start(unsigned int sources, u64 limit)
{
	WARN_ON_ONCE(!harness.rcu_watching);
	harness.starts++;
}

void trace_poll_source_hit(const struct poll_source *source, u64 spent)
{
	WARN_ON_ONCE(!harness.rcu_watching);
}

void trace_poll_source_stop(bool resched, u64 waited)
{
	WARN_ON_ONCE(!harness.rcu_watching);
	harness.stops++;
	harness.waited = waited;
}
