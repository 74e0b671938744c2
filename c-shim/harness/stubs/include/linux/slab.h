/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/types.h>

#define GFP_KERNEL		0
#define cpu_to_node(cpu)	0

void *kzalloc_node(size_t size, int flags, int node);
