// SPDX-License-Identifier: GPL-2.0
/*
 * poll_source.c - poll devices while the CPU waits in the idle loop
 *
 * A poll hit is an interrupt that nobody had to send. While a CPU busy-waits
 * in the POLL state, the devices whose interrupts it would take have them
 * suppressed, and their rings are looked at. A ring with work has its interrupt
 * handler run as an interrupt: RCU watches, the time is interrupt time, and
 * softirqs run on the way out.
 *
 * The poll core (Rust, <linux/poll_core.h>) decides; this file does. What a CPU
 * polls is touched by that CPU alone: by its idle loop, or by its stopper thread
 * while it is not idle. That is all the locking there is against the loop, and
 * what makes poll_source_unregister() synchronous.
 *
 * What polling came to is in <debugfs>/poll_source/sources and in the events of
 * <trace/events/poll_source.h>. Those are called with RCU watching, preemption
 * off, and interrupts either way.
 *
 * Locks, outermost first: cpus_read_lock(), poll_source_lock.
 */

#include <linux/context_tracking.h>
#include <linux/cpu.h>
#include <linux/cpuidle.h>
#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/export.h>
#include <linux/hardirq.h>
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqflags.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/poll_source.h>
#include <linux/printk.h>
#include <linux/sched/clock.h>
#include <linux/sched/idle.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/stop_machine.h>

#include "cpuidle.h"

#define CREATE_TRACE_POINTS
#include <trace/events/poll_source.h>

/**
 * struct poll_cpu - what one CPU polls
 * @core: its poll machine
 * @sources: by slot
 * @nr: how many there are
 * @waiting: the CPU is in the polled wait
 * @missed: the source, if any, whose interrupt broke into that wait
 */
struct poll_cpu {
	struct poll_core core;
	struct poll_source *sources[POLL_CORE_SOURCES];
	unsigned int nr;
	bool waiting;
	struct poll_source *missed;
};

/* Allocated for a CPU's first source, then kept. */
static DEFINE_PER_CPU(struct poll_cpu *, poll_cpus);

static DEFINE_MUTEX(poll_source_lock);
static LIST_HEAD(poll_sources);

DEFINE_STATIC_KEY_FALSE(poll_source_key);
EXPORT_SYMBOL_GPL(poll_source_key);

/* Of the poll core, what drivers call. */
EXPORT_SYMBOL_GPL(poll_gate_disable);
EXPORT_SYMBOL_GPL(poll_gate_enable);

/*
 * The source's interrupt may have moved. The source moves some time later;
 * until then it is polled where it was, which is correct but less useful.
 */
static void poll_source_follow(struct poll_source *source)
{
	schedule_work(&source->follow);
}

/*
 * The source's interrupt had work for it. One that breaks into the polled wait
 * is one that polling should have spared; one that comes to another CPU tells
 * where the source belongs.
 */
static void poll_source_note_irq(struct poll_source *source)
{
	int cpu = READ_ONCE(source->cpu);

	if (cpu == smp_processor_id()) {
		struct poll_cpu *pc = this_cpu_read(poll_cpus);

		/* Same CPU, interrupts off: the wait cannot be reading it. */
		if (READ_ONCE(pc->waiting) &&
		    !poll_gate_is_polled(&source->gate)) {
			source->stats.missed++;
			pc->missed = source;
		}
	} else if (cpu >= 0) {
		const struct cpumask *mask =
			irq_get_effective_affinity_mask(source->irq);

		if (mask && !cpumask_test_cpu(cpu, mask))
			poll_source_follow(source);
	}
}

/*
 * Run a source's handler, but never on two CPUs at once: the interrupt core
 * sees to that for interrupts, and does not know of hits.
 */
static irqreturn_t poll_source_handle(struct poll_source *source, bool hit)
{
	irqreturn_t ret = IRQ_NONE;

	switch (poll_gate_handler_enter(&source->gate, hit)) {
	case POLL_GATE_CLOSED:
		return source->handler(source);
	case POLL_GATE_ELSEWHERE:
		ret = IRQ_HANDLED;
		break;
	case POLL_GATE_RUN:
		do {
			ret |= source->handler(source);
		} while (poll_gate_handler_exit(&source->gate));
		break;
	}
	if (hit)
		return ret;

	if (ret != IRQ_NONE) {
		poll_source_note_irq(source);
	} else if (poll_gate_late_interrupt(&source->gate)) {
		source->stats.late++;
		ret = IRQ_HANDLED;
	}
	return ret;
}

/**
 * poll_source_interrupt - a source's real interrupt arrived
 * @source: a source, registered or not
 *
 * Called in hardirq context, in place of the source's handler, which it runs.
 *
 * Return: what the handler did. IRQ_HANDLED also where it had nothing to do
 * after a hit: the device sent the interrupt before it saw that it need not.
 */
irqreturn_t poll_source_interrupt(struct poll_source *source)
{
	return poll_source_handle(source, false);
}
EXPORT_SYMBOL_GPL(poll_source_interrupt);

/* A handler run as an interrupt. Returns the time it took, in ns. */
static u64 poll_source_hit(struct poll_source *source, u64 *now)
{
	u64 start, spent;

	local_irq_disable();
	start = local_clock();
	irq_enter();
	/* No source is registered where this would be a thread. */
	lockdep_hardirq_threaded();
	poll_source_handle(source, true);
	irq_exit_poll();
	*now = local_clock();
	spent = *now - start;
	source->stats.hits++;
	source->stats.time_ns += spent;
	trace_poll_source_hit(source, spent);
	local_irq_enable();

	return spent;
}

static enum poll_core_reason poll_source_wait(struct poll_cpu *pc, u64 limit)
{
	enum poll_core_input input;
	u64 start = local_clock(), now = start, spent = 0;
	u32 step;

	trace_poll_source_start(pc->nr, limit);
	/* Handlers that take half of the wait had better be interrupts. */
	step = poll_core_start(&pc->core, now, limit, limit / 2,
			       need_resched());
	for (;;) {
		u8 arg = step >> POLL_CORE_ARG_SHIFT;
		struct poll_source *source = pc->sources[arg];

		switch ((enum poll_core_action)(u8)step) {
		case POLL_CORE_LOOK:
			/*
			 * No cpu_relax() here: it leaves a guest, or its
			 * emulator's loop, just when the device wants to run.
			 */
			source->stats.looks++;
			input = poll_gate_look(&source->gate);
			break;
		case POLL_CORE_HIT:
			spent = poll_source_hit(source, &now);
			input = POLL_CORE_HIT_DONE;
			break;
		case POLL_CORE_HAND_BACK:
			source->stats.episodes++;
			input = poll_gate_hand_back(&source->gate) ?
				POLL_CORE_HANDED_BACK_WORK :
				POLL_CORE_HANDED_BACK;
			break;
		case POLL_CORE_REST:
			cpu_relax();
			input = POLL_CORE_RESTED;
			break;
		case POLL_CORE_CLOCK:
			now = local_clock();
			input = POLL_CORE_CLOCK_READ;
			break;
		default:
			if (trace_poll_source_stop_enabled())
				trace_poll_source_stop(arg, local_clock() - start);
			return arg;
		}
		step = poll_core_step(&pc->core, input, now, spent,
				      need_resched());
	}
}

static void poll_source_episode(struct poll_cpu *pc, struct cpuidle_device *dev,
				struct cpuidle_driver *drv)
{
	struct poll_source *missed;

	dev->poll_time_limit = false;

	WRITE_ONCE(pc->waiting, true);
	local_irq_enable();
	if (!current_set_polling_and_test()) {
		dev->poll_time_limit =
			poll_source_wait(pc, cpuidle_poll_time(drv, dev)) !=
			POLL_CORE_RESCHED;
	}
	local_irq_disable();
	current_clr_polling();
	WRITE_ONCE(pc->waiting, false);

	missed = pc->missed;
	if (missed) {
		pc->missed = NULL;
		poll_core_missed(&pc->core, missed->slot);
	}
}

/**
 * poll_source_idle - wait in the POLL state, and poll this CPU's sources
 * @dev: the CPU's cpuidle device
 * @drv: its driver
 *
 * Called from the POLL state, interrupts off and RCU not watching, as states
 * without CPUIDLE_FLAG_RCU_IDLE are. Drivers need RCU, so it watches during
 * the wait.
 *
 * Return: false if this CPU has no sources, and nothing was done.
 */
bool __cpuidle poll_source_idle(struct cpuidle_device *dev,
				struct cpuidle_driver *drv)
{
	struct poll_cpu *pc = raw_cpu_read(poll_cpus);

	if (!pc || !pc->nr)
		return false;

	ct_cpuidle_exit();
	poll_source_episode(pc, dev, drv);
	ct_cpuidle_enter();

	return true;
}

/* On the CPU in question, preemption off, not in its idle loop. */
static int poll_source_bind_here(void *data)
{
	struct poll_source *source = data;
	struct poll_cpu *pc = this_cpu_read(poll_cpus);
	int slot = poll_core_add(&pc->core);

	if (slot < 0)
		return -ENOSPC;

	source->slot = slot;
	pc->sources[slot] = source;
	pc->nr++;
	WRITE_ONCE(source->cpu, smp_processor_id());
	return 0;
}

static int poll_source_unbind_here(void *data)
{
	struct poll_source *source = data;
	struct poll_cpu *pc = this_cpu_read(poll_cpus);

	WARN_ON_ONCE(!poll_core_remove(&pc->core, source->slot));
	pc->sources[source->slot] = NULL;
	pc->nr--;
	WRITE_ONCE(source->cpu, -1);
	return 0;
}

static int poll_source_nop(void *data)
{
	return 0;
}

/* When this returns, no CPU polls the source. */
static void poll_source_unbind(struct poll_source *source)
{
	lockdep_assert_cpus_held();
	lockdep_assert_held(&poll_source_lock);

	/* A source's CPU is online: see poll_source_cpu_offline(). */
	if (source->cpu >= 0)
		WARN_ON_ONCE(stop_one_cpu(source->cpu, poll_source_unbind_here,
					  source));
}

/* The CPU that takes the source's interrupt; nr_cpu_ids if none does now. */
static unsigned int poll_source_irq_cpu(struct poll_source *source)
{
	const struct cpumask *mask =
		irq_get_effective_affinity_mask(source->irq);

	if (!mask)
		return nr_cpu_ids;
	if (source->cpu >= 0 && cpumask_test_cpu(source->cpu, mask))
		return source->cpu;
	return cpumask_first_and(mask, cpu_online_mask);
}

static int poll_source_prepare_cpu(unsigned int cpu)
{
	struct poll_cpu *pc = per_cpu(poll_cpus, cpu);

	if (pc)
		return 0;
	pc = kzalloc_node(sizeof(*pc), GFP_KERNEL, cpu_to_node(cpu));
	if (!pc)
		return -ENOMEM;
	poll_core_init(&pc->core);
	/* Pairs with the address dependency in poll_source_idle(). */
	smp_store_release(&per_cpu(poll_cpus, cpu), pc);
	return 0;
}

/*
 * Bring a source to the CPU that takes its interrupt. One that cannot be had
 * there stays on its interrupt.
 */
static void poll_source_rebind(struct poll_source *source)
{
	unsigned int cpu = poll_source_irq_cpu(source);

	lockdep_assert_cpus_held();
	lockdep_assert_held(&poll_source_lock);

	if (source->cpu == cpu)
		return;
	poll_source_unbind(source);
	if (cpu < nr_cpu_ids && !poll_source_prepare_cpu(cpu))
		stop_one_cpu(cpu, poll_source_bind_here, source);
}

static void poll_source_follow_work(struct work_struct *work)
{
	struct poll_source *source =
		container_of(work, struct poll_source, follow);

	cpus_read_lock();
	mutex_lock(&poll_source_lock);
	if (!list_empty(&source->node))
		poll_source_rebind(source);
	mutex_unlock(&poll_source_lock);
	cpus_read_unlock();
}

/**
 * poll_source_register - poll a source on the CPU that takes its interrupt
 * @source: with @gate.ops and what comes before @stats filled in, the rest 0
 *
 * The driver's enable and disable of events must go by the gate from before
 * this call until poll_source_unregister() has returned. May sleep.
 *
 * Return: 0, or -EOPNOTSUPP where interrupt handlers are threads, which a hit
 * cannot stand in for.
 */
int poll_source_register(struct poll_source *source)
{
	if (force_irqthreads())
		return -EOPNOTSUPP;

	source->cpu = -1;
	source->stats = (struct poll_source_stats){};
	INIT_WORK(&source->follow, poll_source_follow_work);
	static_branch_inc(&poll_source_key);
	poll_gate_open(&source->gate);
	/* A handler that runs by now did not come by the gate. */
	synchronize_irq(source->irq);

	cpus_read_lock();
	mutex_lock(&poll_source_lock);
	list_add_tail(&source->node, &poll_sources);
	poll_source_rebind(source);
	mutex_unlock(&poll_source_lock);
	cpus_read_unlock();

	return 0;
}
EXPORT_SYMBOL_GPL(poll_source_register);

/**
 * poll_source_unregister - stop polling a source
 * @source: a registered source
 *
 * When this returns, no CPU looks at the source or runs its handler for a hit,
 * and its events are as its driver wants them. May sleep.
 */
void poll_source_unregister(struct poll_source *source)
{
	cpus_read_lock();
	mutex_lock(&poll_source_lock);
	list_del_init(&source->node);
	poll_source_unbind(source);
	mutex_unlock(&poll_source_lock);
	cpus_read_unlock();

	WARN_ON_ONCE(poll_gate_close(&source->gate));
	/* The last that came by the gate may still want to follow. */
	synchronize_irq(source->irq);
	cancel_work_sync(&source->follow);
	static_branch_dec(&poll_source_key);
}
EXPORT_SYMBOL_GPL(poll_source_unregister);

/**
 * poll_source_synchronize - wait for a hit that runs by now
 * @source: a registered source
 *
 * What synchronize_irq() is to the real interrupt. May sleep.
 */
void poll_source_synchronize(struct poll_source *source)
{
	cpus_read_lock();
	mutex_lock(&poll_source_lock);
	if (source->cpu >= 0)
		stop_one_cpu(source->cpu, poll_source_nop, NULL);
	mutex_unlock(&poll_source_lock);
	cpus_read_unlock();
}
EXPORT_SYMBOL_GPL(poll_source_synchronize);

/**
 * poll_source_bound - does a CPU poll the source?
 * @source: a registered source
 *
 * Return: false if none takes its interrupt, or that CPU has no room for it.
 */
bool poll_source_bound(const struct poll_source *source)
{
	return READ_ONCE(source->cpu) >= 0;
}
EXPORT_SYMBOL_GPL(poll_source_bound);

/**
 * poll_source_obstacle - why is nothing polled on this system?
 *
 * Return: a reason for people to read, or NULL if there is none.
 */
const char *poll_source_obstacle(void)
{
	struct cpuidle_driver *drv;
	bool polls;

	if (force_irqthreads())
		return "interrupt handlers are threads";

	spin_lock(&cpuidle_driver_lock);
	drv = cpuidle_get_driver();
	polls = drv && drv->states[0].flags & CPUIDLE_FLAG_POLLING;
	spin_unlock(&cpuidle_driver_lock);
	return polls ? NULL : "the idle loop has no polling state";
}
EXPORT_SYMBOL_GPL(poll_source_obstacle);

/* A CPU comes: its sources, if they have been away, come back. */
static int poll_source_cpu_online(unsigned int cpu)
{
	struct poll_source *source;

	mutex_lock(&poll_source_lock);
	list_for_each_entry(source, &poll_sources, node)
		poll_source_follow(source);
	mutex_unlock(&poll_source_lock);
	return 0;
}

/* A CPU goes: its sources follow their interrupts once it is gone. */
static int poll_source_cpu_offline(unsigned int cpu)
{
	struct poll_source *source;

	mutex_lock(&poll_source_lock);
	list_for_each_entry(source, &poll_sources, node) {
		if (source->cpu != cpu)
			continue;
		poll_source_unbind_here(source);
		poll_source_follow(source);
	}
	mutex_unlock(&poll_source_lock);
	return 0;
}

static int __init poll_source_init(void)
{
	int ret;

	ret = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN,
					"cpuidle/poll_source:online",
					poll_source_cpu_online,
					poll_source_cpu_offline);
	return ret < 0 ? ret : 0;
}
core_initcall(poll_source_init);

static int sources_show(struct seq_file *m, void *unused)
{
	struct poll_source *source;

	seq_puts(m, "source irq cpu episodes looks hits late missed time_us gate\n");
	mutex_lock(&poll_source_lock);
	list_for_each_entry(source, &poll_sources, node) {
		/* Counted meanwhile, each by its own CPU. */
		struct poll_source_stats stats = data_race(source->stats);

		seq_printf(m, "%s/%s %u %d %lu %lu %lu %lu %lu %llu %#x\n",
			   dev_name(source->dev), source->name, source->irq,
			   source->cpu, stats.episodes, stats.looks, stats.hits,
			   stats.late, stats.missed,
			   div_u64(stats.time_ns, NSEC_PER_USEC),
			   READ_ONCE(source->gate.word));
	}
	mutex_unlock(&poll_source_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sources);

static int __init poll_source_debugfs_init(void)
{
	struct dentry *dir = debugfs_create_dir("poll_source", NULL);

	debugfs_create_file("sources", 0400, dir, NULL, &sources_fops);
	return 0;
}
device_initcall(poll_source_debugfs_init);
