/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
/*
 * The kernel as the module's hit.c sees it. The interrupt core is in the test
 * (tests/module_hit.rs). It runs in steps, between which other CPUs may run.
 */

#include <linux/types.h>

#define READ_ONCE(x)		(*(volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, val)	(*(volatile typeof(x) *)&(x) = (val))
#define unlikely(x)		(x)
#define IS_ENABLED(option)	false
#define __always_inline		inline __attribute__((always_inline))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

struct list_head {
	struct list_head *next, *prev;
};

struct mutex {
	int unused;
};

struct static_key_false {
	int enabled;
};

#define DECLARE_STATIC_KEY_FALSE(name)	extern struct static_key_false name
#define static_branch_unlikely(key)	((key)->enabled)

#define DECLARE_PER_CPU(type, name)	extern typeof(type) name
#define DEFINE_PER_CPU(type, name)	typeof(type) name
#define per_cpu(name, cpu)		(name)
#define this_cpu_read(name)		(name)
#define this_cpu_write(name, val)	((name) = (val))
#define this_cpu_ptr(ptr)		(ptr)
#define for_each_possible_cpu(cpu)	for (cpu = 0; cpu < 1; cpu++)

#define TICK_NSEC	1000000ULL
#define local_clock()	0ULL

struct work_struct {
	int unused;
};

struct irq_work {
	void (*func)(struct irq_work *work);
};

#define IRQ_WORK_INIT_HARD(fn)	(struct irq_work){ .func = (fn) }
#define irq_work_queue(work)	((void)(work))
#define irq_work_sync(work)	((void)(work))

struct device;
struct virtio_device;
struct virtqueue;

struct virtio_config_ops {
	int unused;
};

/* How often softirqs were disabled and not enabled again. */
extern __thread int module_softirqs_off;

/* Interrupts. Locks do nothing: the test runs what a lock protects as one step. */

typedef unsigned int irqreturn_t;
typedef irqreturn_t (*irq_handler_t)(int irq, void *dev_id);

struct irq_data {
	int unused;
};

struct irq_desc {
	struct irq_data irq_data;
	int lock;
	unsigned int irqs_unhandled;
};

#define raw_spin_lock_irq(lock)		((void)(lock))
#define raw_spin_unlock_irq(lock)	((void)(lock))
#define local_irq_disable()		((void)0)
#define local_irq_enable()		((void)0)
#define softirq_count()			(module_softirqs_off)
#define local_bh_disable()		((void)module_softirqs_off++)
#define local_bh_enable()		((void)module_softirqs_off--)
#define __irq_enter_raw()		((void)0)
#define __irq_exit_raw()		((void)0)

bool irqd_irq_inprogress(struct irq_data *data);
bool irqd_irq_masked(struct irq_data *data);
bool irqd_irq_disabled(struct irq_data *data);
void handle_untracked_irq(struct irq_desc *desc);
int generic_handle_irq(unsigned int irq);
void disable_irq_nosync(unsigned int irq);
void enable_irq(unsigned int irq);
void module_cpu_relax(void);

#define cpu_relax()			module_cpu_relax()
