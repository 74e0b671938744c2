// SPDX-License-Identifier: GPL-2.0
/*
 * idle.c - where the idle loop calls the module
 *
 * If cpuidle has no driver, as in QEMU's guests, the module registers its own.
 * This driver has one state: the CPU waits and polls, then halts. With a
 * single state the idle loop asks no governor and treats the tick as it does
 * without a driver. The limit of the wait adapts as haltpoll's does
 * (poll/limit.rs), and its parameters have haltpoll's names. A CPU with nothing
 * to poll does not wait, unless wait_always is set.
 *
 * If cpuidle has a driver with a polling state (haltpoll, intel_idle,
 * acpi_idle), the module takes that state over. The governor still decides how
 * often and how long the CPU waits in it. A CPU with nothing to poll waits as
 * before.
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

/* The same value as in poll_state.c. */
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
MODULE_PARM_DESC(guest_halt_poll_shrink,
		 "A wait without effect shrinks by this factor; 0: to nothing");

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
 * The wait of one CPU in the module's own driver, in ns. @limit is the limit
 * that adapts. @waited is the length of the last wait if that was without
 * effect and the CPU halts next; otherwise 0.
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

/* Wait as poll_idle() does, without polling. Return whether there is something to run. */
static bool poll_idle_plain_wait(u64 limit)
{
	u64 start = local_clock();
	unsigned int count = 0;

	while (!need_resched()) {
		cpu_relax();
		if (count++ < POLL_IDLE_RELAX_COUNT)
			continue;
		count = 0;
		if (local_clock() - start > limit)
			return false;
	}
	return true;
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
 * Return how long to wait now, in ns; 0: not at all. The wait is no longer than
 * a tick: a timer that is armed in the wait is handled only after it, and a
 * clock that is not stable stands still without ticks.
 */
static u64 poll_idle_limit(struct poll_idle_cpu *pi, const struct poll_cpu *pc)
{
	if (!poll_idle_sources(pc) && !READ_ONCE(wait_always))
		return 0;
	return min3(pi->limit, (u64)READ_ONCE(guest_halt_poll_ns), (u64)TICK_NSEC);
}

/* Wait, and return whether to halt. */
static bool poll_idle_wait(struct poll_idle_cpu *pi, struct poll_cpu *pc, u64 limit)
{
	u64 start, hit;
	bool resched;

	if (!poll_idle_sources(pc))
		return !poll_idle_plain_wait(limit);

	start = local_clock();
	resched = poll_source_wait(pc, limit);
	hit = poll_source_first_hit();
	if (hit) {
		struct poll_limits limits = poll_idle_limits();

		pi->limit = poll_limit_after_hit(limit, &limits, hit - start);
	}
	return !resched;
}

/*
 * Either wait or halt. Called with interrupts off. RCU watches because of
 * CPUIDLE_FLAG_RCU_IDLE.
 *
 * The halt is a separate call: an interrupt in the wait may have armed a timer,
 * and while the tick is stopped only the idle loop handles it. (If a task
 * runs between the wait and the halt, the CPU halts once without waiting first.
 * There is no other effect.)
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
 * The driver has one state. Until 2026 the idle loop asked the governor even
 * for a single state, and haltpoll may then choose the second entry.
 */
static struct cpuidle_driver poll_idle_driver = {
	.name = KBUILD_MODNAME,
	/* No .owner: it would pin the module, so nobody could unload it. */
	.states = { POLL_IDLE_STATE, POLL_IDLE_STATE },
	.state_count = 1,
};

/* Another driver, if the module has taken over its polling state. */
static struct cpuidle_driver *poll_idle_host;
static struct module *poll_idle_host_owner;
static int (*poll_idle_host_enter)(struct cpuidle_device *dev,
				   struct cpuidle_driver *drv, int index);

/* Does what cpuidle_poll_time() does, which is not exported. */
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
			!poll_source_wait(pc, min_t(u64, TICK_NSEC,
						    poll_idle_host_limit(drv, dev)));
	local_irq_disable();
	current_clr_polling();
}

/* Called instead of poll_idle(): interrupts are off, RCU does not watch. */
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

	/* The driver and its states do not change until the unlock. */
	cpuidle_pause_and_lock();
	drv = cpuidle_get_driver();
	if (!drv || !try_module_get(drv->owner)) {
		pr_err("the idle driver is being unregistered: try again\n");
	} else if (!(drv->states[0].flags & CPUIDLE_FLAG_POLLING)) {
		pr_err("the idle driver %s has no polling state that could poll devices\n",
		       drv->name);
		module_put(drv->owner);
	} else {
		poll_idle_host = drv;
		poll_idle_host_owner = drv->owner;
		poll_idle_host_enter = drv->states[0].enter;
		/* Release: its readers may call poll_idle_host_enter(). */
		smp_store_release(&drv->states[0].enter, poll_idle_hosted_enter);
		pr_info("polling in the state %s of the idle driver %s, when its governor chooses that state\n",
			drv->states[0].name, drv->name);
		ret = 0;
	}
	cpuidle_resume_and_unlock();
	return ret;
}

/*
 * Restore the state if it still has the module's function. A driver without
 * .owner may be gone, and acpi_idle may have set up its states again.
 */
static void poll_idle_let_go(void)
{
	cpuidle_pause_and_lock();
	if (cpuidle_get_driver() == poll_idle_host &&
	    poll_idle_host->states[0].enter == poll_idle_hosted_enter)
		WRITE_ONCE(poll_idle_host->states[0].enter, poll_idle_host_enter);
	cpuidle_resume_and_unlock();
}

/*
 * The devices of the module's own driver. As in haltpoll, each one is
 * registered when its CPU comes online, because CPUs may be added later.
 */
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
 * Make every CPU leave the module's code. stop_machine() makes each CPU run
 * another task than its idle task for a moment. So the CPU has left also the
 * few instructions in which RCU does not watch.
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
		/* A CPU may already be in the driver's code. */
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
