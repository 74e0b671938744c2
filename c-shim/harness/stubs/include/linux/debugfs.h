/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/types.h>

struct dentry;
struct file_operations;

#define debugfs_create_dir(name, parent)	((struct dentry *)0)

void debugfs_create_file(const char *name, int mode, struct dentry *dir,
			 void *data, const struct file_operations *fops);
