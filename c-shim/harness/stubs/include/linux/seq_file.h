/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <harness.h>

/* One file is shown at a time, into harness.shown. */
struct seq_file {
	int unused;
};

void seq_puts(struct seq_file *m, const char *text);
__attribute__((format(printf, 2, 3)))
void seq_printf(struct seq_file *m, const char *format, ...);

struct file_operations {
	int (*show)(struct seq_file *m, void *unused);
};

#define DEFINE_SHOW_ATTRIBUTE(name)					\
	const struct file_operations name##_fops = { .show = name##_show }
