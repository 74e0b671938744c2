/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
/*
 * The world that the stubs make up, as one thread sees it. Mostly one thread
 * stands for all CPUs, by turns; where several do, each has a world of its own,
 * and they share what the shim shares, under the locks that it takes. Tests set
 * worlds up and look at them; what the shim does wrong in one is a fault.
 */

#include <linux/types.h>

#define NR_CPUS	4
#define NR_IRQS	512

/**
 * struct harness - the world
 * @cpu: the CPU that runs
 * @online: the CPUs there are, a mask
 * @affinity: by interrupt, the CPUs it goes to, a mask; 0: none is set up
 * @threadirqs: handlers are threads
 * @no_driver: cpuidle has no driver
 * @no_poll_state: its driver has no state that polls
 * @no_memory: allocations fail
 * @resched: the CPU has something to run
 * @clock: the time, in ns; each reading of it takes one
 * @step: called at each step of the wait
 * @in_handler: called when a queue's handler has work
 * @irqs_on: interrupts are on
 * @hardirq: between irq_enter() and its exit
 * @rcu_watching: RCU watches this CPU
 * @polling: the CPU says that it looks at need_resched() by itself
 * @cpus_locked: how often cpus_read_lock() is held
 * @hits: how often irq_enter() was called
 * @synchronized: how often synchronize_irq() was
 * @starts: how often a wait was told of
 * @stops: how often its end was
 * @waited: how long the last one was said to be
 * @shown: what a file shows
 * @relaxed: how often the CPU was relaxed
 * @fault: what the shim did wrong first
 */
struct harness {
	unsigned int cpu;
	unsigned long online;
	unsigned long affinity[NR_IRQS];
	bool threadirqs;
	bool no_driver;
	bool no_poll_state;
	bool no_memory;
	bool resched;
	u64 clock;
	void (*step)(void);
	void (*in_handler)(void);

	bool irqs_on;
	bool hardirq;
	bool rcu_watching;
	bool polling;
	unsigned int cpus_locked;
	unsigned int hits;
	unsigned int synchronized;
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
void harness_reset(void);
void harness_join(unsigned int cpu);
void harness_lock_cpu(unsigned int cpu);
void harness_unlock_cpu(unsigned int cpu);
void harness_irq_begin(unsigned int irq);
void harness_irq_end(unsigned int irq);
void harness_run_work(void);
bool harness_work_queued(void);
void harness_cpu_up(unsigned int cpu);
void harness_cpu_down(unsigned int cpu);
int harness_initcall(void);
int harness_device_initcall(void);
void harness_show_sources(void);
