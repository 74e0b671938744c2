/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
/*
 * The kernel as the shim sees it. build.rs replaces each header that the shim
 * includes and the series does not have by one that includes this file.
 * Usually one thread acts as all CPUs, alternating. Otherwise each thread has its
 * own struct harness, and the threads share what the shim shares, under the locks
 * that it takes. Tests set up this state and look at it. The stubs record in it
 * what the shim does wrong: a fault.
 */

#include <linux/types.h>

#define NR_CPUS	4
#define NR_IRQS	512

/**
 * struct harness - the state of the stub kernel, as one thread sees it
 * @cpu: the CPU that this thread acts as
 * @online: mask of the CPUs that are online
 * @threadirqs: interrupt handlers are threads
 * @no_driver: cpuidle has no driver
 * @no_poll_state: cpuidle's driver has no state that polls
 * @no_memory: allocations fail
 * @clock: the time, in ns; each reading advances it by one
 * @moment: called when the wait reads the clock or relaxes the CPU
 * @swap: called before a ring's word is exchanged
 * @softirqs: called to run softirqs
 * @irqs_on: interrupts are on
 * @hardirq: between irq_enter() and irq_exit_poll(), or in an interrupt
 * @interrupt: in an interrupt
 * @held: a hit left its softirqs for later
 * @bh_off: softirqs are disabled
 * @raised: softirqs are raised
 * @in_softirq: softirqs run
 * @rcu_watching: RCU watches this CPU
 * @polling: TIF_POLLING_NRFLAG is set: the CPU itself looks at its flags
 * @preempt_count: how often preemption was disabled and not enabled again
 * @hotplug: a CPU comes or goes, and hotplug waits for this thread
 * @hits: how often irq_enter() was called
 * @softirq_runs: how often softirqs ran
 * @starts: how often a tracepoint reported the start of a wait
 * @stops: how often a tracepoint reported the end of a wait
 * @waited: the reported length of the last wait, in ns
 * @shown: text of the file that was shown last
 * @relaxed: how often cpu_relax() was called
 * @fault: the first thing that the shim did wrong, or NULL
 */
struct harness {
	unsigned int cpu;
	unsigned long online;
	bool threadirqs;
	bool no_driver;
	bool no_poll_state;
	bool no_memory;
	u64 clock;
	void (*moment)(void);
	void (*swap)(void);
	void (*softirqs)(void);

	bool irqs_on;
	bool hardirq;
	bool interrupt;
	bool held;
	bool raised;
	bool bh_off;
	bool in_softirq;
	bool rcu_watching;
	bool polling;
	unsigned int preempt_count;
	bool hotplug;
	unsigned int hits;
	unsigned int softirq_runs;
	unsigned int starts;
	unsigned int stops;
	u64 waited;
	char shown[1024];
	unsigned int relaxed;
	const char *fault;
};

extern __thread struct harness harness;

struct harness *harness_here(void);
void harness_fault(const char *what);
void harness_boot(void);
void harness_halt(void);
void harness_join(unsigned int cpu);
void harness_lock_cpu(unsigned int cpu);
void harness_unlock_cpu(unsigned int cpu);
void harness_resched(unsigned int cpu, bool on);
void harness_run_work(void);
bool harness_work_queued(void);
void harness_cpu_up(unsigned int cpu);
void harness_cpu_half_down(unsigned int cpu);
void harness_cpu_goes(unsigned int cpu);
void harness_cpu_gone(void);
void harness_show_sources(void);

/* Compiler */

/* Marked accesses may race. They are atomic so that a sanitizer accepts them. */
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, val)	__atomic_store_n(&(x), (val), __ATOMIC_RELAXED)
#define smp_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define mb()			__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_mb__after_atomic()	mb()
#define data_race(expr)		(expr)
#define IS_ENABLED(option)	false
#define __always_inline		inline __attribute__((always_inline))
#define __cpuidle
#define __init
#define EXPORT_SYMBOL_GPL(name)
#define core_initcall(fn)	int harness_initcall(void) { return fn(); }
#define device_initcall(fn)	int harness_device_initcall(void) { return fn(); }
#define max(a, b)		((a) > (b) ? (a) : (b))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define WARN_ON_ONCE(cond) \
	({ bool __c = (cond); if (__c) harness_fault("WARN_ON_ONCE(" #cond ")"); __c; })

int harness_initcall(void);
int harness_device_initcall(void);

static inline u16 sync_cmpxchg(u16 *word, u16 old, u16 new)
{
	if (harness.swap)
		harness.swap();
	__atomic_compare_exchange_n(word, &old, new, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_RELAXED);
	return old;
}

/* Errors and numbers */

#define ENOMEM		12
#define EOPNOTSUPP	95
#define NSEC_PER_USEC	1000L

static inline u64 div_u64(u64 dividend, u32 divisor)
{
	return dividend / divisor;
}

/* Lists */

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD(name)	struct list_head name = { &(name), &(name) }

static inline void list_add_tail(struct list_head *new, struct list_head *head)
{
	new->prev = head->prev;
	new->next = head;
	head->prev->next = new;
	head->prev = new;
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline void list_del_init(struct list_head *entry)
{
	entry->prev->next = entry->next;
	entry->next->prev = entry->prev;
	entry->next = entry->prev = entry;
}

#define list_for_each_entry(pos, head, member)				\
	for (pos = container_of((head)->next, typeof(*pos), member);	\
	     &pos->member != (head);					\
	     pos = container_of(pos->member.next, typeof(*pos), member))

/* Locks */

struct mutex {
	struct harness *holder;
};

#define DEFINE_MUTEX(name)	struct mutex name

void mutex_lock(struct mutex *lock);
void mutex_unlock(struct mutex *lock);

static inline bool mutex_is_mine(struct mutex *lock)
{
	return READ_ONCE(lock->holder) == &harness;
}

#define lockdep_assert_held(lock)	WARN_ON_ONCE(!mutex_is_mine(lock))

typedef struct mutex spinlock_t;

#define spin_lock	mutex_lock
#define spin_unlock	mutex_unlock

struct static_key_false {
	int enabled;
};

#define DECLARE_STATIC_KEY_FALSE(name)	extern struct static_key_false name
#define DEFINE_STATIC_KEY_FALSE(name)	struct static_key_false name
#define static_branch_unlikely(key)	(READ_ONCE((key)->enabled) > 0)
#define static_branch_enable(key)	set_static_key(key, 1)
#define static_branch_disable(key)	set_static_key(key, 0)

void cpus_read_lock(void);
#define cpus_read_unlock()	do { } while (0)

void set_static_key(struct static_key_false *key, int enabled);

/* CPUs */

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
#define INIT_WORK_ONSTACK(work, fn) \
	(*(work) = (struct work_struct){ .func = (fn) })
#define destroy_work_on_stack(work)	WARN_ON_ONCE((work)->queued)

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

/* Memory is reclaimed, and may wait for a disk, only with __GFP_DIRECT_RECLAIM. */
#define __GFP_DIRECT_RECLAIM	1
#define __GFP_NOWARN		2
#define GFP_NOWAIT		0
#define GFP_NOIO		__GFP_DIRECT_RECLAIM
#define cpu_to_node(cpu)	0

void *kzalloc_node(size_t size, int flags, int node);
void kfree(void *memory);

/* Interrupts */

typedef unsigned int irqreturn_t;
typedef irqreturn_t (*irq_handler_t)(int irq, void *dev_id);

#define IRQ_NONE	0
#define IRQ_HANDLED	1

struct irq_data {
	unsigned int irq;
	struct cpumask affinity;
};

/**
 * struct irq_desc - an interrupt line
 * @irq_data: its number, and the CPUs that it goes to; no CPU: it is not set up
 * @kstat: number of interrupts on each CPU
 * @actions: its users' handlers
 * @running: held while its handlers run
 * @disabled: it is disabled, as by disable_irq()
 * @pending: it arrived while its CPU had interrupts off, or while it was disabled
 */
struct irq_desc {
	struct irq_data irq_data;
	unsigned int kstat[NR_CPUS];
	struct {
		irq_handler_t handler;
		void *dev_id;
	} actions[2];
	struct mutex running;
	bool disabled;
	bool pending;
};

#define force_irqthreads()			(harness.threadirqs)
#define irq_data_to_desc(data)			container_of(data, struct irq_desc, irq_data)
#define irq_data_get_effective_affinity_mask(d)	((const struct cpumask *)&(d)->affinity)
#define irq_desc_kstat_cpu(desc, cpu)		((desc)->kstat[cpu])

struct irq_desc *harness_desc(unsigned int irq);
void harness_interrupt(unsigned int irq);

void local_irq_enable(void);
void local_irq_disable(void);
void local_bh_disable(void);
void _local_bh_enable(void);
void irq_enter(void);
void irq_exit_poll(bool softirqs);
bool handle_polled_irq(struct irq_desc *desc, irq_handler_t handler, void *dev_id);
struct irq_data *irq_get_irq_data(unsigned int irq);
const struct cpumask *irq_get_effective_affinity_mask(unsigned int irq);

/* The idle loop */

#define _TIF_NEED_RESCHED	0x14UL

struct thread_info {
	unsigned long flags;
};

struct thread_info *current_thread_info(void);
bool current_set_polling_and_test(void);
void current_clr_polling(void);
void cpu_relax(void);
u64 local_clock(void);
void ct_cpuidle_enter(void);
void ct_cpuidle_exit(void);

#define CPUIDLE_FLAG_POLLING	1

struct cpuidle_device {
	bool poll_time_limit;
};

struct cpuidle_state {
	unsigned int flags;
};

struct cpuidle_driver {
	u64 poll_time;
	struct cpuidle_state states[1];
};

extern spinlock_t cpuidle_driver_lock;
struct cpuidle_driver *cpuidle_get_driver(void);

static inline u64 cpuidle_poll_time(struct cpuidle_driver *drv,
				    struct cpuidle_device *dev)
{
	return drv->poll_time;
}

/* Names, files and tracepoints */

struct device {
	const char *name;
};

#define dev_name(dev)	((dev)->name)

struct dentry;

/* One file is shown at a time. Its text goes to harness.shown. */
struct seq_file {
	int unused;
};

struct file_operations {
	int (*show)(struct seq_file *m, void *unused);
};

#define DEFINE_SHOW_ATTRIBUTE(name)					\
	const struct file_operations name##_fops = { .show = name##_show }
#define debugfs_create_dir(name, parent)	((struct dentry *)0)
#define debugfs_remove(dir)			((void)(dir))

void debugfs_create_file(const char *name, int mode, struct dentry *dir,
			 void *data, const struct file_operations *fops);
void seq_puts(struct seq_file *m, const char *text);
__attribute__((format(printf, 2, 3)))
void seq_printf(struct seq_file *m, const char *format, ...);

struct poll_source;

void trace_poll_source_start(unsigned int sources, u64 limit);
void trace_poll_source_hit(const struct poll_source *source, u64 spent);
#define trace_poll_source_stop_enabled()	true
void trace_poll_source_stop(unsigned int reason, u64 waited);
