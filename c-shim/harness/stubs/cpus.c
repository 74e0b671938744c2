// SPDX-License-Identifier: GPL-2.0
/* CPUs of the stub kernel: the work that runs on them, their locks, and hotplug. */

#include "../../kernel/drivers/cpuidle/poll/internal.h"

static struct work_struct *queue;
static int (*cpu_online)(unsigned int cpu);
static int (*cpu_offline)(unsigned int cpu);

/* Work */

bool schedule_work(struct work_struct *work)
{
	if (work->queued)
		return false;
	work->queued = true;
	work->next = queue;
	queue = work;
	return true;
}

bool cancel_work_sync(struct work_struct *work)
{
	struct work_struct **link = &queue;

	if (!work->queued)
		return false;
	while (*link != work)
		link = &(*link)->next;
	*link = work->next;
	work->queued = false;
	return true;
}

void harness_run_work(void)
{
	while (queue) {
		struct work_struct *work = queue;

		cancel_work_sync(work);
		work->func(work);
	}
}

bool harness_work_queued(void)
{
	return queue;
}

/* CPUs */

static struct thread_info thread_infos[NR_CPUS];

/* The bits of _TIF_NEED_RESCHED: one for the test, and one for flush_work(). */
#define TEST_RESCHED	4UL
#define WORK_RESCHED	0x10UL

/* Held by a CPU while it waits in its idle loop, and by work while it runs on that CPU. */
static struct mutex cpu_busy[NR_CPUS];

void harness_lock_cpu(unsigned int cpu)
{
	mutex_lock(&cpu_busy[cpu]);
}

void harness_unlock_cpu(unsigned int cpu)
{
	mutex_unlock(&cpu_busy[cpu]);
}

struct thread_info *current_thread_info(void)
{
	return &thread_infos[harness.cpu];
}

static void set_flag(unsigned int cpu, unsigned long flag, bool on)
{
	if (on)
		__atomic_fetch_or(&thread_infos[cpu].flags, flag, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&thread_infos[cpu].flags, ~flag, __ATOMIC_SEQ_CST);
}

void harness_resched(unsigned int cpu, bool on)
{
	set_flag(cpu, TEST_RESCHED, on);
}

/* The CPU that is going offline, or -1. It is gone once somebody waits for that. */
static int going = -1;

/* The caller must not hold anything that a CPU needs to come or go. */
void cpus_read_lock(void)
{
	WARN_ON_ONCE(mutex_is_mine(&poll_source_lock));
	if (going >= 0)
		harness_cpu_gone();
	WARN_ON_ONCE(harness.hotplug);
}

void set_static_key(struct static_key_false *key, int enabled)
{
	cpus_read_lock();
	WRITE_ONCE(key->enabled, enabled);
	cpus_read_unlock();
}

void cpuhp_remove_state_nocalls(int state)
{
	WARN_ON_ONCE(state != HARNESS_HP_STATE);
	cpu_online = cpu_offline = NULL;
}

/* Returns whether callbacks for CPUs that come and go are set up. */
bool harness_has_callbacks(void)
{
	return cpu_online;
}

/* Makes this thread act as @cpu. Returns the CPU that it acted as before. */
static unsigned int be_cpu(unsigned int cpu)
{
	unsigned int here = harness.cpu;

	WARN_ON_ONCE(harness.preempt_count);
	harness.cpu = cpu;
	return here;
}

/* A workqueue is only its name: work runs when somebody waits for it. */
struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags,
					 int max_active)
{
	WARN_ON_ONCE(!(flags & WQ_MEM_RECLAIM));
	WARN_ON_ONCE(!(flags & WQ_PERCPU));
	return (struct workqueue_struct *)name;
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	WARN_ON_ONCE(!wq);
}

bool queue_work_on(int cpu, struct workqueue_struct *wq, struct work_struct *work)
{
	WARN_ON_ONCE(!wq || work->queued);
	WARN_ON_ONCE(!(harness.online >> cpu & 1));
	work->cpu = cpu;
	work->queued = true;
	return true;
}

bool flush_work(struct work_struct *work)
{
	unsigned int here, cpu = work->cpu;

	if (!work->queued)
		return false;
	/* A kernel thread on @cpu runs the work, once that CPU has left its idle loop. */
	WARN_ON_ONCE(harness.polling || harness.hardirq || harness.preempt_count);
	set_flag(cpu, WORK_RESCHED, true);
	harness_lock_cpu(cpu);
	set_flag(cpu, WORK_RESCHED, false);
	here = be_cpu(cpu);
	work->func(work);
	be_cpu(here);
	harness_unlock_cpu(cpu);
	work->queued = false;
	return true;
}

static int run_on(unsigned int cpu, int (*callback)(unsigned int cpu))
{
	unsigned int here = be_cpu(cpu);
	int ret = callback(cpu);

	be_cpu(here);
	return ret;
}

int cpuhp_setup_state(enum cpuhp_state state, const char *name,
		      int (*startup)(unsigned int cpu),
		      int (*teardown)(unsigned int cpu))
{
	unsigned int cpu;

	cpu_online = startup;
	cpu_offline = teardown;
	for (cpu = 0; cpu < NR_CPUS; cpu++)
		WARN_ON_ONCE(run_on(cpu, startup));
	return HARNESS_HP_STATE;
}

void harness_cpu_up(unsigned int cpu)
{
	harness.online |= 1UL << cpu;
	harness.hotplug = true;
	WARN_ON_ONCE(run_on(cpu, cpu_online));
	harness.hotplug = false;
}

/* Runs only the callback, as root can by /sys/devices/system/cpu/cpu1/hotplug/target. */
void harness_cpu_half_down(unsigned int cpu)
{
	harness.hotplug = true;
	WARN_ON_ONCE(run_on(cpu, cpu_offline));
	harness.hotplug = false;
}

/* Begins to take @cpu offline: the callback has run, but the CPU is still online. */
void harness_cpu_goes(unsigned int cpu)
{
	harness_cpu_half_down(cpu);
	harness.hotplug = true;
	going = cpu;
}

/* Ends what harness_cpu_goes() began. Only now the interrupts leave the CPU. */
void harness_cpu_gone(void)
{
	unsigned int cpu = going;
	unsigned int irq;

	if (going < 0)
		return;
	going = -1;
	harness.online &= ~(1UL << cpu);
	for (irq = 0; irq < NR_IRQS; irq++) {
		struct cpumask *mask = &harness_desc(irq)->irq_data.affinity;

		if (mask->bits == 1UL << cpu)
			mask->bits = harness.online & -harness.online;
	}
	harness.hotplug = false;
}
