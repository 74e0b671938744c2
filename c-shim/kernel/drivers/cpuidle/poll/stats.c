// SPDX-License-Identifier: GPL-2.0
/*
 * stats.c - the results of polling: <debugfs>/poll_source/sources
 *
 * The column `event` is the word that the poller borrows, the event index or the
 * driver's flags, with 0x10000 set while it is borrowed.
 */

#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/math64.h>
#include <linux/seq_file.h>
#include <linux/time64.h>

#include "internal.h"

static int sources_show(struct seq_file *m, void *unused)
{
	struct poll_source *source;

	seq_puts(m, "source irq cpu episodes looks hits missed time_us event\n");
	mutex_lock(&poll_source_lock);
	list_for_each_entry(source, &poll_sources, node) {
		u32 borrowed = !!READ_ONCE(source->ring.borrow.mine);

		seq_printf(m, "%s/%s %u %d %lu %lu %lu %lu %llu %#x\n",
			   dev_name(source->dev), source->name, source->irq,
			   source->cpu, READ_ONCE(source->ring.episodes),
			   READ_ONCE(source->ring.looks), READ_ONCE(source->hits),
			   READ_ONCE(source->missed),
			   div_u64(READ_ONCE(source->time_ns), NSEC_PER_USEC),
			   READ_ONCE(*source->ring.event) | borrowed << 16);
	}
	mutex_unlock(&poll_source_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sources);

struct dentry *poll_source_stats_init(void)
{
	struct dentry *dir = debugfs_create_dir("poll_source", NULL);

	debugfs_create_file("sources", 0400, dir, NULL, &sources_fops);
	return dir;
}
