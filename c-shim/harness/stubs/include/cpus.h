/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
/* CPUs: their data, their masks, hotplug, and the work that runs on them. */

#include "basics.h"

#define DECLARE_PER_CPU(type, name)	extern typeof(type) name[NR_CPUS]
#define DEFINE_PER_CPU(type, name)	typeof(type) name[NR_CPUS]
#define per_cpu(name, cpu)		((name)[cpu])
/* An acquire, because sanitizers do not know address dependencies. */
#define raw_cpu_read(name) \
	__atomic_load_n(&(name)[harness.cpu], __ATOMIC_ACQUIRE)
/* Stricter than the kernel's: preemption must be off, as the shim changes what it read. */
#define this_cpu_read(name)		((name)[smp_processor_id()])

#define smp_processor_id() ({						\
	WARN_ON_ONCE(!harness.preempt_count && !harness.polling);	\
	harness.cpu;							\
})

static inline void preempt_disable(void)
{
	harness.preempt_count++;
}

static inline void preempt_enable(void)
{
	WARN_ON_ONCE(!harness.preempt_count);
	harness.preempt_count--;
}

struct cpumask {
	unsigned long bits;
};

#define nr_cpu_ids	((unsigned int)NR_CPUS)
#define for_each_possible_cpu(cpu)	for (cpu = 0; cpu < NR_CPUS; cpu++)

static inline bool cpumask_test_cpu(int cpu, const struct cpumask *mask)
{
	return mask->bits >> cpu & 1;
}

static inline void cpumask_set_cpu(unsigned int cpu, struct cpumask *mask)
{
	mask->bits |= 1UL << cpu;
}

static inline void cpumask_clear_cpu(unsigned int cpu, struct cpumask *mask)
{
	mask->bits &= ~(1UL << cpu);
}

static inline unsigned int cpumask_first_and(const struct cpumask *a,
					     const struct cpumask *b)
{
	unsigned long both = a->bits & b->bits;

	return both ? (unsigned int)__builtin_ctzl(both) : nr_cpu_ids;
}

/* What cpuhp_setup_state() returns. */
#define HARNESS_HP_STATE	7

enum cpuhp_state {
	CPUHP_AP_ONLINE_DYN,
};

int cpuhp_setup_state(enum cpuhp_state state, const char *name,
		      int (*startup)(unsigned int cpu),
		      int (*teardown)(unsigned int cpu));
void cpuhp_remove_state_nocalls(int state);

struct work_struct {
	void (*func)(struct work_struct *work);
	struct work_struct *next;
	bool queued;
	int cpu;
};

#define DECLARE_WORK(name, fn)	struct work_struct name = { .func = (fn) }
#define INIT_WORK(work, fn)	(*(work) = (struct work_struct){ .func = (fn) })
typedef void (*work_func_t)(struct work_struct *work);

#define WQ_MEM_RECLAIM		8
#define WQ_PERCPU		0x100

struct workqueue_struct;

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags,
					 int max_active);
void destroy_workqueue(struct workqueue_struct *wq);
bool queue_work_on(int cpu, struct workqueue_struct *wq, struct work_struct *work);
bool flush_work(struct work_struct *work);

bool schedule_work(struct work_struct *work);
bool cancel_work_sync(struct work_struct *work);
