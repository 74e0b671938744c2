// SPDX-License-Identifier: GPL-2.0
/*
 * bind.c - which CPU polls which source
 *
 * A source is polled by the CPU that takes its interrupt, and follows it. What a
 * CPU polls is changed by work on that CPU, which cannot be in its idle loop then.
 * That is all the locking there is against the loop, and what makes
 * poll_source_unregister() synchronous.
 *
 * Nobody with poll_source_lock may wait for CPU hotplug, or for memory from a disk: a
 * block driver registers and unregisters sources with its queue quiesced, when its
 * device is reset, and CPU hotplug waits for the requests in that queue
 * (blk_mq_hctx_notify_offline()). The lock itself keeps a CPU with sources from going:
 * its callback takes it.
 */

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/workqueue.h>

#include "internal.h"

DEFINE_PER_CPU(struct poll_cpu *, poll_cpus);

/* Guards the list, which CPU polls a source, and that CPU's last step out. */
DEFINE_MUTEX(poll_source_lock);
LIST_HEAD(poll_sources);

DEFINE_STATIC_KEY_FALSE(poll_source_key);

/*
 * CPUs that will give their sources back before they go. Not the CPUs that are
 * online: one may stay so after that, see /sys/devices/system/cpu/cpu1/hotplug/.
 */
static struct cpumask poll_source_cpus;

/* It needs no memory to run, see above. */
static struct workqueue_struct *poll_source_wq;

static void poll_source_follow_work(struct work_struct *work);
/* One for all sources: with one for each, all would wait for poll_source_lock. */
static DECLARE_WORK(poll_source_follower, poll_source_follow_work);

/* As work_on_cpu(). The CPU stays online: see poll_source_cpu_offline(). */
static void poll_source_run_on(unsigned int cpu, struct poll_source *source,
			       work_func_t func)
{
	lockdep_assert_held(&poll_source_lock);

	INIT_WORK(&source->work, func);
	queue_work_on(cpu, poll_source_wq, &source->work);
	flush_work(&source->work);
}

/* On the CPU in question. */
static void poll_source_bind_here(struct work_struct *work)
{
	struct poll_source *source = container_of(work, struct poll_source, work);
	struct poll_cpu *pc;
	int slot;

	/* Core scheduling, too, may have a CPU idle whenever it can switch. */
	preempt_disable();
	pc = this_cpu_read(poll_cpus);
	slot = poll_core_add(&pc->core);
	if (slot >= 0) {
		source->slot = slot;
		pc->rings[slot] = &source->ring;
		pc->nr++;
		pc->slots = max(pc->slots, slot + 1u);
		WRITE_ONCE(source->cpu, smp_processor_id());
	}
	preempt_enable();
}

/* Likewise, also from its callback of CPU hotplug. */
static void poll_source_unbind_here(struct work_struct *work)
{
	struct poll_source *source = container_of(work, struct poll_source, work);
	struct poll_cpu *pc;

	preempt_disable();
	pc = this_cpu_read(poll_cpus);
	WARN_ON_ONCE(source->ring.borrow.mine);
	poll_core_remove(&pc->core, source->slot);
	pc->rings[source->slot] = NULL;
	pc->nr--;
	while (pc->slots && !pc->rings[pc->slots - 1])
		pc->slots--;
	WRITE_ONCE(source->cpu, -1);
	preempt_enable();
}

/* When this returns, no CPU polls the source. */
static void poll_source_unbind(struct poll_source *source)
{
	if (source->cpu >= 0)
		poll_source_run_on(source->cpu, source, poll_source_unbind_here);
}

static int poll_source_prepare_cpu(unsigned int cpu)
{
	struct poll_cpu *pc = per_cpu(poll_cpus, cpu);

	if (pc)
		return 0;
	pc = kzalloc_node(sizeof(*pc), GFP_NOWAIT | __GFP_NOWARN, cpu_to_node(cpu));
	if (!pc)
		return -ENOMEM;
	/* Pairs with the address dependency of whoever is about to wait. */
	smp_store_release(&per_cpu(poll_cpus, cpu), pc);
	return 0;
}

/* The CPU that takes the source's interrupt; nr_cpu_ids if none does now. */
static unsigned int poll_source_irq_cpu(struct poll_source *source)
{
	const struct cpumask *mask = irq_get_effective_affinity_mask(source->irq);

	if (!mask)
		return nr_cpu_ids;
	if (source->cpu >= 0 && cpumask_test_cpu(source->cpu, mask))
		return source->cpu;
	return cpumask_first_and(mask, &poll_source_cpus);
}

/*
 * Bring a source to the CPU that takes its interrupt. One that does not fit there
 * stays on its interrupt, until another source, or a CPU, comes or goes.
 */
static void poll_source_rebind(struct poll_source *source)
{
	unsigned int cpu = poll_source_irq_cpu(source);

	lockdep_assert_held(&poll_source_lock);

	if (source->cpu == cpu)
		return;
	poll_source_unbind(source);
	if (cpu < nr_cpu_ids && !poll_source_prepare_cpu(cpu))
		poll_source_run_on(cpu, source, poll_source_bind_here);
}

static void poll_source_follow_work(struct work_struct *work)
{
	struct poll_source *source;
	bool active;

	/* The interrupts of a CPU that goes leave it after poll_source_cpu_offline(). */
	cpus_read_lock();
	cpus_read_unlock();

	mutex_lock(&poll_source_lock);
	/* Twice, for one that leaves a CPU makes room for one before it. */
	list_for_each_entry(source, &poll_sources, node)
		poll_source_rebind(source);
	list_for_each_entry(source, &poll_sources, node)
		poll_source_rebind(source);
	active = !list_empty(&poll_sources);
	mutex_unlock(&poll_source_lock);

	/* Whoever changes the list from here on schedules this work again. */
	if (active)
		static_branch_enable(&poll_source_key);
	else
		static_branch_disable(&poll_source_key);
}

/**
 * poll_source_follow - a source's interrupt may have moved
 *
 * The source moves some time later; until then it is polled where it was, which
 * is correct but less useful. Any context.
 */
void poll_source_follow(void)
{
	schedule_work(&poll_source_follower);
}

/**
 * poll_source_register - poll a source on the CPU that takes its interrupt
 * @source: with what comes before @desc filled in, the rest 0, or as
 *	poll_source_unregister() left it
 *
 * May sleep.
 */
void poll_source_register(struct poll_source *source)
{
	source->desc = irq_data_to_desc(irq_get_irq_data(source->irq));
	source->cpu = -1;

	mutex_lock(&poll_source_lock);
	list_add_tail(&source->node, &poll_sources);
	poll_source_rebind(source);
	mutex_unlock(&poll_source_lock);

	/* Where it is the first, it is polled from then on. */
	poll_source_follow();
}

/**
 * poll_source_unregister - stop polling a source
 * @source: a registered source
 *
 * When this returns, no CPU looks at the source or runs its handler for a hit,
 * and its event word is its driver's. May sleep, until the CPU that polls it runs
 * a kernel thread of normal priority; CPU hotplug and other sources wait as long.
 */
void poll_source_unregister(struct poll_source *source)
{
	mutex_lock(&poll_source_lock);
	list_del_init(&source->node);
	poll_source_unbind(source);
	mutex_unlock(&poll_source_lock);

	/* It may have been the last; or there is room for one that did not fit. */
	poll_source_follow();
}

/**
 * poll_source_bound - does a CPU poll the source?
 * @source: a registered source
 *
 * Any context.
 *
 * Return: false if none takes its interrupt, or that CPU has no room for it.
 */
bool poll_source_bound(const struct poll_source *source)
{
	return READ_ONCE(source->cpu) >= 0;
}

/* A CPU comes: its sources, if they have been away, come back. */
static int poll_source_cpu_online(unsigned int cpu)
{
	mutex_lock(&poll_source_lock);
	cpumask_set_cpu(cpu, &poll_source_cpus);
	mutex_unlock(&poll_source_lock);
	poll_source_follow();
	return 0;
}

/* A CPU goes, and this runs on it: its sources follow their interrupts. */
static int poll_source_cpu_offline(unsigned int cpu)
{
	struct poll_source *source;

	mutex_lock(&poll_source_lock);
	cpumask_clear_cpu(cpu, &poll_source_cpus);
	list_for_each_entry(source, &poll_sources, node) {
		if (source->cpu != cpu)
			continue;
		poll_source_unbind_here(&source->work);
		poll_source_follow();
	}
	mutex_unlock(&poll_source_lock);
	return 0;
}

/* Returns the state of CPU hotplug that this sets up, or a negative error. */
int poll_source_bind_init(void)
{
	int state;

	poll_source_wq = alloc_workqueue("poll_source", WQ_MEM_RECLAIM | WQ_PERCPU, 0);
	if (!poll_source_wq)
		return -ENOMEM;
	state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "cpuidle/poll_source:online",
				  poll_source_cpu_online, poll_source_cpu_offline);
	if (state < 0)
		destroy_workqueue(poll_source_wq);
	return state;
}
