// SPDX-License-Identifier: GPL-2.0
/*
 * Stubs of the kernel functions that the shim calls. They decide nothing: they
 * keep the state in struct harness, and record the first rule that the shim breaks.
 */

#include "../../kernel/drivers/cpuidle/poll/internal.h"

__thread struct harness harness;

static struct work_struct *queue;
static int (*cpu_online)(unsigned int cpu);
static int (*cpu_offline)(unsigned int cpu);
static struct irq_desc irq_descs[NR_IRQS];

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
		irq_descs[irq] = (struct irq_desc){ .irq_data.irq = irq };
	WARN_ON_ONCE(harness_initcall() || harness_device_initcall());
}

/* Ends the stub kernel. No source may be registered any more. */
void harness_halt(void)
{
	poll_source_stats_exit();
	poll_source_bind_exit();
	WARN_ON_ONCE(queue || cpu_online);
}

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
	cpu_online = cpu_offline = NULL;
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
	return 1;
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
		struct cpumask *mask = &irq_descs[irq].irq_data.affinity;

		if (mask->bits == 1UL << cpu)
			mask->bits = harness.online & -harness.online;
	}
	harness.hotplug = false;
}

/* Interrupts */

struct irq_desc *harness_desc(unsigned int irq)
{
	return &irq_descs[irq];
}

struct irq_data *irq_get_irq_data(unsigned int irq)
{
	return &irq_descs[irq].irq_data;
}

const struct cpumask *irq_get_effective_affinity_mask(unsigned int irq)
{
	struct cpumask *mask = &irq_descs[irq].irq_data.affinity;

	return mask->bits ? mask : NULL;
}

static void run_softirqs(void)
{
	if (harness.in_softirq)
		return;
	harness.in_softirq = true;
	while (harness.raised) {
		harness.raised = false;
		harness.softirq_runs++;
		if (harness.softirqs)
			harness.softirqs();
	}
	harness.in_softirq = false;
	harness.held = false;
}

static void run_actions(struct irq_desc *desc)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (desc->actions[i].handler)
			desc->actions[i].handler(desc->irq_data.irq,
						 desc->actions[i].dev_id);
	}
}

/* Raises @irq on this CPU, once interrupts are on, if the mask allows; else on another. */
void harness_interrupt(unsigned int irq)
{
	struct irq_desc *desc = &irq_descs[irq];
	struct harness here = harness;
	bool elsewhere = !cpumask_test_cpu(here.cpu, &desc->irq_data.affinity);
	bool pending = desc->disabled || !(elsewhere || harness.irqs_on);

	WRITE_ONCE(desc->pending, pending);
	if (pending)
		return;
	if (elsewhere) {
		harness.cpu = __builtin_ctzl(desc->irq_data.affinity.bits);
		harness.held = harness.raised = harness.in_softirq = false;
		harness.bh_off = false;
	}
	harness.irqs_on = false;
	harness.hardirq = harness.interrupt = true;
	desc->kstat[harness.cpu]++;
	mutex_lock(&desc->running);
	run_actions(desc);
	mutex_unlock(&desc->running);
	harness.hardirq = here.hardirq;
	harness.interrupt = here.interrupt;
	if (!harness.bh_off)
		run_softirqs();
	if (elsewhere) {
		harness.cpu = here.cpu;
		harness.held = here.held;
		harness.raised = here.raised;
		harness.in_softirq = here.in_softirq;
		harness.bh_off = here.bh_off;
	}
	harness.irqs_on = here.irqs_on;
}

void local_irq_enable(void)
{
	unsigned int irq;

	WARN_ON_ONCE(harness.irqs_on || harness.hardirq);
	WARN_ON_ONCE(harness.held && !harness.bh_off);
	harness.irqs_on = true;
	for (irq = 0; irq < NR_IRQS; irq++) {
		if (READ_ONCE(irq_descs[irq].pending))
			harness_interrupt(irq);
	}
}

void local_irq_disable(void)
{
	WARN_ON_ONCE(!harness.irqs_on);
	harness.irqs_on = false;
}

void local_bh_disable(void)
{
	WARN_ON_ONCE(harness.bh_off || harness.hardirq);
	harness.bh_off = true;
}

void _local_bh_enable(void)
{
	WARN_ON_ONCE(!harness.bh_off || harness.irqs_on);
	harness.bh_off = false;
}

void irq_enter(void)
{
	/* The kernel's would not see that the CPU is idle while softirqs are disabled. */
	WARN_ON_ONCE(harness.bh_off);
	WARN_ON_ONCE(harness.irqs_on || harness.hardirq || !harness.rcu_watching);
	harness.hardirq = true;
	harness.hits++;
}

void irq_exit_poll(bool softirqs)
{
	WARN_ON_ONCE(harness.irqs_on || !harness.hardirq);
	harness.hardirq = false;
	if (softirqs)
		run_softirqs();
	else
		harness.held = true;
}

bool handle_polled_irq(struct irq_desc *desc, irq_handler_t handler, void *dev_id)
{
	bool told;

	WARN_ON_ONCE(harness.irqs_on || !harness.hardirq);
	mutex_lock(&desc->running);
	told = handler || !desc->disabled;
	if (told && handler)
		handler(desc->irq_data.irq, dev_id);
	else if (told)
		run_actions(desc);
	mutex_unlock(&desc->running);
	return told;
}

/* The idle loop */

void ct_cpuidle_exit(void)
{
	WARN_ON_ONCE(harness.irqs_on || harness.rcu_watching);
	harness.rcu_watching = true;
}

void ct_cpuidle_enter(void)
{
	WARN_ON_ONCE(harness.irqs_on || !harness.rcu_watching);
	harness.rcu_watching = false;
}

/* A moment of the wait, in which the test makes something happen. */
static void moment(void)
{
	void (*happens)(void) = harness.moment;

	if (!happens || !harness.polling || harness.hardirq || harness.in_softirq)
		return;
	harness.moment = NULL;
	happens();
	harness.moment = happens;
}

u64 local_clock(void)
{
	moment();
	return harness.clock++;
}

bool current_set_polling_and_test(void)
{
	WARN_ON_ONCE(harness.polling);
	harness.polling = true;
	return READ_ONCE(current_thread_info()->flags) & _TIF_NEED_RESCHED;
}

void current_clr_polling(void)
{
	WARN_ON_ONCE(!harness.polling);
	harness.polling = false;
}

void cpu_relax(void)
{
	WARN_ON_ONCE(!harness.irqs_on || !harness.rcu_watching);
	harness.relaxed++;
	moment();
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

/* cpuidle's driver */

spinlock_t cpuidle_driver_lock;

struct cpuidle_driver *cpuidle_get_driver(void)
{
	static struct cpuidle_driver driver;

	WARN_ON_ONCE(!mutex_is_mine(&cpuidle_driver_lock));
	driver.states[0].flags = harness.no_poll_state ? 0 : CPUIDLE_FLAG_POLLING;
	return harness.no_driver ? NULL : &driver;
}

/* Files */

static const struct file_operations *sources;

void debugfs_create_file(const char *name, int mode, struct dentry *dir,
			 void *data, const struct file_operations *fops)
{
	WARN_ON_ONCE(__builtin_strcmp(name, "sources") || mode & 0222);
	sources = fops;
}

void harness_show_sources(void)
{
	struct seq_file m;

	harness.shown[0] = 0;
	WARN_ON_ONCE(sources->show(&m, NULL));
}

void seq_printf(struct seq_file *m, const char *format, ...)
{
	size_t len = __builtin_strlen(harness.shown);
	__builtin_va_list args;

	__builtin_va_start(args, format);
	__builtin_vsnprintf(harness.shown + len, sizeof(harness.shown) - len,
			    format, args);
	__builtin_va_end(args);
}

void seq_puts(struct seq_file *m, const char *text)
{
	seq_printf(m, "%s", text);
}

void trace_poll_source_start(unsigned int sources, u64 limit)
{
	WARN_ON_ONCE(!harness.rcu_watching);
	harness.starts++;
}

void trace_poll_source_hit(const struct poll_source *source, u64 spent)
{
	WARN_ON_ONCE(!harness.rcu_watching);
}

void trace_poll_source_stop(unsigned int reason, u64 waited)
{
	WARN_ON_ONCE(!harness.rcu_watching);
	harness.stops++;
	harness.waited = waited;
}
