/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
/*
 * The state of the stub kernel, and what the tests call.
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
 * @no_driver: cpuidle has no driver
 * @no_poll_state: cpuidle's driver has no state that polls
 * @no_memory: allocations fail
 * @clock: the time, in ns; each reading advances it by one
 * @moment: called when the wait reads the clock
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
 * @fault: the first thing that the shim did wrong, or NULL
 */
struct harness {
	unsigned int cpu;
	unsigned long online;
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
bool harness_has_callbacks(void);
