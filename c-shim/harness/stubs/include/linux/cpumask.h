/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <harness.h>

struct cpumask {
	unsigned long bits;
};

#define nr_cpu_ids	((unsigned int)NR_CPUS)
#define cpu_online_mask	((const struct cpumask *)&harness.online)

static inline bool cpumask_test_cpu(int cpu, const struct cpumask *mask)
{
	return mask->bits >> cpu & 1;
}

static inline unsigned int cpumask_first_and(const struct cpumask *a,
					     const struct cpumask *b)
{
	unsigned long both = a->bits & b->bits;

	return both ? (unsigned int)__builtin_ctzl(both) : nr_cpu_ids;
}
