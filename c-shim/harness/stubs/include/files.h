/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
/* Names, files and tracepoints: what the shim shows. */

#include "harness.h"

struct device {
	const char *name;
};

#define dev_name(dev)	((dev)->name)

/* The module's header has one by value. */
struct virtio_config_ops {
	int unused;
};

struct dentry;

/* One file is shown at a time. Its text goes to harness.shown. */
struct seq_file {
	int unused;
};

struct file_operations {
	int (*show)(struct seq_file *m, void *unused);
};

#define DEFINE_SHOW_ATTRIBUTE(name)					\
	const struct file_operations name##_fops = { .show = name##_show }
#define debugfs_create_dir(name, parent)	((struct dentry *)0)

void debugfs_create_file(const char *name, int mode, struct dentry *dir,
			 void *data, const struct file_operations *fops);
void seq_puts(struct seq_file *m, const char *text);
__attribute__((format(printf, 2, 3)))
void seq_printf(struct seq_file *m, const char *format, ...);

struct poll_source;

void trace_poll_source_start(unsigned int sources, u64 limit);
void trace_poll_source_hit(const struct poll_source *source, u64 spent);
#define trace_poll_source_stop_enabled()	true
void trace_poll_source_stop(bool resched, u64 waited);
