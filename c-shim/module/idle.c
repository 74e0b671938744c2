// SPDX-License-Identifier: GPL-2.0
/*
 * idle.c - where the idle loop calls the module
 *
 * Where cpuidle has no driver, as in QEMU's guests, the module registers its own.
 * It has one state: wait, and poll, then halt. With a single state the idle loop
 * asks no governor and treats the tick as it does without a driver. The wait's
 * limit adapts as haltpoll's does (poll/limit.rs), with parameters of its names.
 *
 * Where there is a driver with a polling state (haltpoll, intel_idle, acpi_idle),
 * the module takes that state over, and the governor goes on deciding how often
 * and how long the CPU waits in it.
 *
 * A CPU with nothing to poll does not wait in the first case, and waits as before
 * in the second.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpuidle.h>
#include <linux/cpumask.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/sched/clock.h>
#include <linux/sched/idle.h>
#include <linux/stop_machine.h>

#include "limit.h"
#include "module.h"

/* As in poll_state.c. */
#define POLL_IDLE_RELAX_COUNT	200

static unsigned int guest_halt_poll_ns __read_mostly = 200000;
module_param(guest_halt_poll_ns, uint, 0644);
MODULE_PARM_DESC(guest_halt_poll_ns, "Longest wait before a halt, in ns");

static unsigned int guest_halt_poll_grow __read_mostly = 2;
module_param(guest_halt_poll_grow, uint, 0644);
MODULE_PARM_DESC(guest_halt_poll_grow, "A wait that was too short grows by this factor");

static unsigned int guest_halt_poll_grow_start __read_mostly = 50000;
module_param(guest_halt_poll_grow_start, uint, 0644);
MODULE_PARM_DESC(guest_halt_poll_grow_start, "Shortest wait, in ns");

static unsigned int guest_halt_poll_shrink __read_mostly = 2;
module_param(guest_halt_poll_shrink, uint, 0644);
MODULE_PARM_DESC(guest_halt_poll_shrink, "A wait in vain shrinks by this factor; 0: to nothing");

static bool guest_halt_poll_allow_shrink __read_mostly = true;
module_param(guest_halt_poll_allow_shrink, bool, 0644);
MODULE_PARM_DESC(guest_halt_poll_allow_shrink, "Whether waits get shorter again");

static bool wait_always __read_mostly;
module_param(wait_always, bool, 0644);
MODULE_PARM_DESC(wait_always, "Wait on CPUs with nothing to poll too, as haltpoll does (default: N)");

static struct poll_limits poll_idle_limits(void)
{
	return (struct poll_limits) {
		.max = READ_ONCE(guest_halt_poll_ns),
		.grow_start = READ_ONCE(guest_halt_poll_grow_start),
		.grow = READ_ONCE(guest_halt_poll_grow),
		.shrink = READ_ONCE(guest_halt_poll_shrink),
		.allow_shrink = READ_ONCE(guest_halt_poll_allow_shrink),
	};
}

/*
 * How long a CPU waits in the own driver, and how long the last wait was, if without
 * effect, so that it halts now; in ns.
 */
struct poll_idle_cpu {
	u64 limit;
	u64 waited;
};

static DEFINE_PER_CPU(struct poll_idle_cpu, poll_idle_cpus);

static unsigned int poll_idle_sources(const struct poll_cpu *pc)
{
	return pc ? pc->nr : 0;
}

/* As poll_idle() waits. */
static enum poll_core_reason poll_idle_plain_wait(u64 limit)
{
	u64 start = local_clock();
	unsigned int count = 0;

	while (!need_resched()) {
		cpu_relax();
		if (count++ < POLL_IDLE_RELAX_COUNT)
			continue;
		count = 0;
		if (local_clock() - start > limit)
			return POLL_CORE_LIMIT;
	}
	return POLL_CORE_RESCHED;
}

static __cpuidle void poll_idle_halt(void)
{
	ct_cpuidle_enter();
	arch_cpu_idle();
	ct_cpuidle_exit();
}

static void poll_idle_timed_halt(struct poll_idle_cpu *pi)
{
	struct poll_limits limits = poll_idle_limits();
	u64 start = local_clock();

	poll_idle_halt();
	poll_source_interrupted();
	pi->limit = poll_limit_after_halt(pi->limit, &limits,
					  pi->waited + local_clock() - start);
	pi->waited = 0;
}

/*
 * How long to wait now, in ns. Not longer than a tick: a timer that is armed in the
 * wait is seen to after it, and a clock that is not stable stands still without
 * ticks.
 */
static u64 poll_idle_limit(struct poll_idle_cpu *pi, const struct poll_cpu *pc)
{
	if (!poll_idle_sources(pc) && !READ_ONCE(wait_always))
		return 0;
	return min3(pi->limit, (u64)READ_ONCE(guest_halt_poll_ns), (u64)TICK_NSEC);
}

/* Returns whether to halt. */
static bool poll_idle_wait(struct poll_idle_cpu *pi, struct poll_cpu *pc, u64 limit)
{
	enum poll_core_reason reason;

	if (!poll_idle_sources(pc))
		return poll_idle_plain_wait(limit) != POLL_CORE_RESCHED;

	reason = poll_source_wait(pc, limit);
	if (pc->hit_after) {
		struct poll_limits limits = poll_idle_limits();

		pi->limit = poll_limit_after_hit(limit, &limits, pc->hit_after);
	}
	return reason != POLL_CORE_RESCHED;
}

/*
 * Wait, or halt. Interrupts are off; RCU watches, by CPUIDLE_FLAG_RCU_IDLE.
 *
 * The halt is a call of its own: in the wait an interrupt may have armed a timer,
 * and only the idle loop sees to one while the tick is stopped. (If a task runs
 * between the two, its CPU halts without a wait once. No more than that.)
 */
static int poll_idle_enter(struct cpuidle_device *dev, struct cpuidle_driver *drv,
			   int index)
{
	struct poll_idle_cpu *pi = this_cpu_ptr(&poll_idle_cpus);
	struct poll_cpu *pc = this_cpu_read(poll_cpus);
	u64 limit = poll_idle_limit(pi, pc);
	bool halt = false;

	if (!limit || pi->waited) {
		poll_idle_timed_halt(pi);
		return index;
	}

	local_irq_enable();
	if (!current_set_polling_and_test())
		halt = poll_idle_wait(pi, pc, limit);
	local_irq_disable();
	current_clr_polling();
	if (halt && !need_resched())
		pi->waited = limit;
	return index;
}

#define POLL_IDLE_STATE { \
	.name = "POLLHLT", \
	.desc = "poll devices, then halt", \
	.enter = poll_idle_enter, \
	.exit_latency = 1, \
	.target_residency = 1, \
	.flags = CPUIDLE_FLAG_RCU_IDLE, \
}

/*
 * There is one state. Where the idle loop asks the governor all the same, which it
 * did until 2026, haltpoll wants the second.
 */
static struct cpuidle_driver poll_idle_driver = {
	.name = KBUILD_MODNAME,
	/* No .owner: a driver that pins its module could not be unloaded. */
	.states = { POLL_IDLE_STATE, POLL_IDLE_STATE },
	.state_count = 1,
};

/* Another driver's polling state, if we have taken it over. */
static struct cpuidle_driver *poll_idle_host;
static struct module *poll_idle_host_owner;
static int (*poll_idle_host_enter)(struct cpuidle_device *dev,
				   struct cpuidle_driver *drv, int index);

/* As cpuidle_poll_time(), which is not exported. */
static u64 poll_idle_host_limit(struct cpuidle_driver *drv, struct cpuidle_device *dev)
{
	u64 limit = TICK_NSEC / 16;
	int i;

	if (dev->poll_limit_ns)
		return dev->poll_limit_ns;
	for (i = 1; i < drv->state_count; i++) {
		if (dev->states_usage[i].disable ||
		    drv->states[i].target_residency_ns < 10 * NSEC_PER_USEC)
			continue;
		limit = min_t(u64, limit, drv->states[i].target_residency_ns);
		break;
	}
	return limit;
}

static void poll_idle_hosted_wait(struct poll_cpu *pc, struct cpuidle_device *dev,
				     struct cpuidle_driver *drv)
{
	dev->poll_time_limit = false;
	local_irq_enable();
	if (!current_set_polling_and_test())
		dev->poll_time_limit =
			poll_source_wait(pc, min_t(u64, TICK_NSEC,
						   poll_idle_host_limit(drv, dev))) !=
			POLL_CORE_RESCHED;
	local_irq_disable();
	current_clr_polling();
}

/* In place of poll_idle(): interrupts are off, and RCU does not watch. */
static __cpuidle int poll_idle_hosted_enter(struct cpuidle_device *dev,
					    struct cpuidle_driver *drv, int index)
{
	struct poll_cpu *pc = raw_cpu_read(poll_cpus);

	if (!poll_idle_sources(pc))
		return poll_idle_host_enter(dev, drv, index);

	ct_cpuidle_exit();
	poll_idle_hosted_wait(pc, dev, drv);
	ct_cpuidle_enter();
	return index;
}

static int poll_idle_take_over(void)
{
	struct cpuidle_driver *drv;
	int ret = -EBUSY;

	/* The driver and its states stay as they are until the unlock. */
	cpuidle_pause_and_lock();
	drv = cpuidle_get_driver();
	if (!drv || !try_module_get(drv->owner)) {
		pr_err("the idle driver is just going: try again\n");
	} else if (!(drv->states[0].flags & CPUIDLE_FLAG_POLLING)) {
		pr_err("the idle driver %s has no polling state that could poll devices\n",
		       drv->name);
		module_put(drv->owner);
	} else {
		poll_idle_host = drv;
		poll_idle_host_owner = drv->owner;
		poll_idle_host_enter = drv->states[0].enter;
		/* A CPU that comes by it calls poll_idle_host_enter(). */
		smp_store_release(&drv->states[0].enter, poll_idle_hosted_enter);
		pr_info("polling in the state %s of the idle driver %s, when its governor chooses that\n",
			drv->states[0].name, drv->name);
		ret = 0;
	}
	cpuidle_resume_and_unlock();
	return ret;
}

/* A driver without .owner may be gone; acpi_idle may have made its states anew. */
static void poll_idle_let_go(void)
{
	cpuidle_pause_and_lock();
	if (cpuidle_get_driver() == poll_idle_host &&
	    poll_idle_host->states[0].enter == poll_idle_hosted_enter)
		WRITE_ONCE(poll_idle_host->states[0].enter, poll_idle_host_enter);
	cpuidle_resume_and_unlock();
}

/* Of the own driver, as haltpoll's: CPUs may come that are not there yet. */
static DEFINE_PER_CPU(struct cpuidle_device, poll_idle_devices);
static int poll_idle_hp_state;

static int poll_idle_cpu_online(unsigned int cpu)
{
	struct cpuidle_device *dev = per_cpu_ptr(&poll_idle_devices, cpu);

	if (dev->registered)
		return 0;
	dev->cpu = cpu;
	return cpuidle_register_device(dev);
}

static int poll_idle_cpu_offline(unsigned int cpu)
{
	cpuidle_unregister_device(per_cpu_ptr(&poll_idle_devices, cpu));
	return 0;
}

static int poll_idle_nothing(void *unused)
{
	return 0;
}

/*
 * Every CPU runs something else than its idle task for a moment, so it has left our
 * code: also the few instructions in which RCU does not watch.
 */
static void poll_idle_expel(void)
{
	stop_machine(poll_idle_nothing, NULL, cpu_online_mask);
}

static int poll_idle_register(void)
{
	int ret;

	ret = cpuidle_register_driver(&poll_idle_driver);
	if (ret == -ENODEV)
		pr_err("cpuidle is switched off (cpuidle.off=1)\n");
	if (ret)
		return ret;
	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "cpuidle/poll_source:idle",
				poll_idle_cpu_online, poll_idle_cpu_offline);
	if (ret < 0) {
		cpuidle_unregister_driver(&poll_idle_driver);
		/* A CPU may have used it already. */
		poll_idle_expel();
		return ret;
	}
	poll_idle_hp_state = ret;
	return 0;
}

static void poll_idle_unregister(void)
{
	cpuhp_remove_state(poll_idle_hp_state);
	cpuidle_unregister_driver(&poll_idle_driver);
}

int poll_source_idle_init(void)
{
	int ret = -EBUSY;

	if (!cpuidle_get_driver())
		ret = poll_idle_register();
	return ret == -EBUSY ? poll_idle_take_over() : ret;
}

/* When this returns, no CPU is in the wait. */
void poll_source_idle_exit(void)
{
	if (poll_idle_host)
		poll_idle_let_go();
	else
		poll_idle_unregister();
	poll_idle_expel();
	module_put(poll_idle_host_owner);
}
