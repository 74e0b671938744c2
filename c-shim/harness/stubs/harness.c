// SPDX-License-Identifier: GPL-2.0
/*
 * What the shim calls in the kernel, made up. No decisions: it keeps the state
 * in struct harness and says where the shim broke the rules.
 */

#include <harness.h>
#include <linux/bug.h>
#include <linux/cpu.h>
#include <cpuidle.h>
#include <linux/cpuidle.h>
#include <linux/debugfs.h>
#include <linux/hardirq.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqflags.h>
#include <linux/sched/clock.h>
#include <linux/sched/idle.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/stop_machine.h>
#include <linux/workqueue.h>

__thread struct harness harness;

static struct work_struct *queue;
static int (*cpu_online)(unsigned int cpu);
static int (*cpu_offline)(unsigned int cpu);

void harness_fault(const char *what)
{
	if (!harness.fault)
		harness.fault = what;
}

struct harness *harness_here(void)
{
	return &harness;
}

/* A thread becomes a CPU of the world that another one booted. */
void harness_join(unsigned int cpu)
{
	harness = (struct harness){ .cpu = cpu, .online = (1UL << NR_CPUS) - 1 };
}

/* All CPUs are there, CPU 0 runs, in its idle loop: as cpuidle calls a state. */
void harness_reset(void)
{
	harness_join(0);
	queue = NULL;
	if (!cpu_online) {
		harness_initcall();
		harness_device_initcall();
	}
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

/* Held by a CPU that waits in its idle loop, and by what runs on it instead. */
static struct mutex cpu_busy[NR_CPUS];
static bool leave_idle[NR_CPUS];

void harness_lock_cpu(unsigned int cpu)
{
	mutex_lock(&cpu_busy[cpu]);
}

void harness_unlock_cpu(unsigned int cpu)
{
	mutex_unlock(&cpu_busy[cpu]);
}


void cpus_read_lock(void)
{
	harness.cpus_locked++;
}

void cpus_read_unlock(void)
{
	WARN_ON_ONCE(!harness.cpus_locked);
	harness.cpus_locked--;
}

int cpuhp_setup_state_nocalls(enum cpuhp_state state, const char *name,
			      int (*startup)(unsigned int cpu),
			      int (*teardown)(unsigned int cpu))
{
	cpu_online = startup;
	cpu_offline = teardown;
	return 0;
}

static int run_on(unsigned int cpu, int (*fn)(void *data), void *data)
{
	unsigned int here = harness.cpu;
	int ret;

	harness.cpu = cpu;
	ret = fn(data);
	harness.cpu = here;
	return ret;
}

int stop_one_cpu(unsigned int cpu, int (*fn)(void *data), void *data)
{
	int ret;

	/* The stopper does not run before the wait is over. */
	WARN_ON_ONCE(harness.polling);
	if (!(harness.online >> cpu & 1))
		return -ENOENT;
	/* It has to run there, and does when the CPU is not idle any more. */
	WRITE_ONCE(leave_idle[cpu], true);
	harness_lock_cpu(cpu);
	WRITE_ONCE(leave_idle[cpu], false);
	ret = run_on(cpu, fn, data);
	harness_unlock_cpu(cpu);
	return ret;
}

static int call_hotplug(void *data)
{
	int (*callback)(unsigned int cpu) = data;

	return callback(harness.cpu);
}

void harness_cpu_up(unsigned int cpu)
{
	harness.online |= 1UL << cpu;
	harness.cpus_locked++;
	WARN_ON_ONCE(run_on(cpu, call_hotplug, cpu_online));
	harness.cpus_locked--;
}

/* The interrupts of a CPU leave it after its callbacks ran. */
void harness_cpu_down(unsigned int cpu)
{
	unsigned int irq;

	harness.cpus_locked++;
	WARN_ON_ONCE(run_on(cpu, call_hotplug, cpu_offline));
	harness.cpus_locked--;
	harness.online &= ~(1UL << cpu);
	for (irq = 0; irq < NR_IRQS; irq++) {
		if (harness.affinity[irq] == 1UL << cpu)
			harness.affinity[irq] = harness.online & -harness.online;
	}
}

/* Interrupts */

static struct mutex irq_running[NR_IRQS];

/* The handlers of an interrupt do not run twice at once. */
void harness_irq_begin(unsigned int irq)
{
	mutex_lock(&irq_running[irq]);
}

void harness_irq_end(unsigned int irq)
{
	mutex_unlock(&irq_running[irq]);
}

void local_irq_enable(void)
{
	WARN_ON_ONCE(harness.irqs_on || harness.hardirq);
	harness.irqs_on = true;
}

void local_irq_disable(void)
{
	WARN_ON_ONCE(!harness.irqs_on);
	harness.irqs_on = false;
}

void irq_enter(void)
{
	WARN_ON_ONCE(harness.irqs_on || harness.hardirq || !harness.rcu_watching);
	harness.hardirq = true;
	harness.hits++;
}

void irq_exit_poll(void)
{
	WARN_ON_ONCE(harness.irqs_on || !harness.hardirq);
	harness.hardirq = false;
}

void synchronize_irq(unsigned int irq)
{
	WARN_ON_ONCE(harness.hardirq);
	harness.synchronized++;
	mutex_lock(&irq_running[irq]);
	mutex_unlock(&irq_running[irq]);
}

const struct cpumask *irq_get_effective_affinity_mask(unsigned int irq)
{
	if (!harness.affinity[irq])
		return NULL;
	return (const struct cpumask *)&harness.affinity[irq];
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

u64 local_clock(void)
{
	return harness.clock++;
}

/* Asked at each step, so that is when something else happens. */
bool need_resched(void)
{
	if (harness.step)
		harness.step();
	return harness.resched || READ_ONCE(leave_idle[harness.cpu]);
}

bool current_set_polling_and_test(void)
{
	WARN_ON_ONCE(harness.polling);
	harness.polling = true;
	return harness.resched;
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
}

/* Memory */

void *kzalloc_node(size_t size, int flags, int node)
{
	return harness.no_memory ? NULL : __builtin_calloc(1, size);
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
