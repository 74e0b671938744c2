// SPDX-License-Identifier: GPL-2.0
/*
 * stats.c - what came of polling: <debugfs>/poll_source/sources
 *
 * The columns are those of the series, see its Documentation/virt/poll-source.rst.
 * Two of them mean less here: `late` is always 0, for the interrupt core does not
 * tell a module of an interrupt that found nothing to do, and `gate` is the
 * driver's event index with 0x10000 set while it is borrowed.
 */

#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/math64.h>
#include <linux/poll_source.h>
#include <linux/seq_file.h>
#include <linux/time64.h>

static struct dentry *poll_source_dir;

static int sources_show(struct seq_file *m, void *unused)
{
	struct poll_source *source;

	seq_puts(m, "source irq cpu episodes looks hits late missed time_us gate\n");
	mutex_lock(&poll_source_lock);
	list_for_each_entry(source, &poll_sources, node) {
		/* Updated concurrently; a torn snapshot is fine. */
		struct poll_source_stats stats = data_race(source->stats);
		u32 borrowed = data_race(poll_ring_is_borrowed(&source->ring));

		seq_printf(m, "%s/%s %u %d %lu %lu %lu 0 %lu %llu %#x\n",
			   dev_name(source->dev), source->name, source->irq,
			   source->cpu, stats.episodes, stats.looks, stats.hits,
			   stats.missed, div_u64(stats.time_ns, NSEC_PER_USEC),
			   READ_ONCE(*source->ring.event) | borrowed << 16);
	}
	mutex_unlock(&poll_source_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sources);

void poll_source_stats_init(void)
{
	poll_source_dir = debugfs_create_dir("poll_source", NULL);
	debugfs_create_file("sources", 0400, poll_source_dir, NULL, &sources_fops);
}

void poll_source_stats_exit(void)
{
	debugfs_remove(poll_source_dir);
}
