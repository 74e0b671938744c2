/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <harness.h>

#define DEFINE_PER_CPU(type, name)	typeof(type) name[NR_CPUS]
#define per_cpu(name, cpu)		((name)[cpu])
#define this_cpu_read(name)		((name)[harness.cpu])
#define raw_cpu_read(name)		((name)[harness.cpu])
#define smp_processor_id()		((int)harness.cpu)
