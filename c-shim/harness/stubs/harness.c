// SPDX-License-Identifier: GPL-2.0
/*
 * The stub kernel as a whole: its state, its start and end, locks and memory.
 *
 * The files here are stubs of the kernel functions that the shim calls. They
 * decide nothing: they keep the state in struct harness, and record the first
 * rule that the shim breaks.
 */

#include "../../module/module.h"

__thread struct harness harness;

void harness_fault(const char *what)
{
	if (!harness.fault)
		harness.fault = what;
}

struct harness *harness_here(void)
{
	return &harness;
}

/* Makes this thread act as @cpu of the stub kernel that another thread booted. */
void harness_join(unsigned int cpu)
{
	harness = (struct harness){
		.cpu = cpu, .online = (1UL << NR_CPUS) - 1, .irqs_on = true,
	};
}

/* Boots the stub kernel: all CPUs are online, and this thread acts as CPU 0. */
void harness_boot(void)
{
	unsigned int irq;

	harness_join(0);
	for (irq = 0; irq < NR_IRQS; irq++)
		*harness_desc(irq) = (struct irq_desc){ .irq_data.irq = irq };
	WARN_ON_ONCE(harness_initcall());
}

/* Ends the stub kernel. No source may be registered any more. */
void harness_halt(void)
{
	poll_source_bind_exit(HARNESS_HP_STATE);
	WARN_ON_ONCE(harness_work_queued() || harness_has_callbacks());
}

/* Locks */

int sched_yield(void);

void mutex_lock(struct mutex *lock)
{
	struct harness *nobody = NULL;

	if (WARN_ON_ONCE(mutex_is_mine(lock)))
		return;
	while (!__atomic_compare_exchange_n(&lock->holder, &nobody, &harness,
					    false, __ATOMIC_ACQUIRE,
					    __ATOMIC_RELAXED)) {
		nobody = NULL;
		sched_yield();
	}
}

void mutex_unlock(struct mutex *lock)
{
	WARN_ON_ONCE(!mutex_is_mine(lock));
	__atomic_store_n(&lock->holder, NULL, __ATOMIC_RELEASE);
}

/* Memory */

void *kzalloc_node(size_t size, int flags, int node)
{
	/* Reclaim may have to write to a disk whose driver waits for this lock. */
	WARN_ON_ONCE(flags & __GFP_DIRECT_RECLAIM && mutex_is_mine(&poll_source_lock));
	return harness.no_memory ? NULL : __builtin_calloc(1, size);
}

void kfree(void *memory)
{
	__builtin_free(memory);
}
