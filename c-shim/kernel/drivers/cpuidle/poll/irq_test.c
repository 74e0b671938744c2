// SPDX-License-Identifier: GPL-2.0
/*
 * irq_test.c - do hits obey the interrupt core?
 *
 * A ring in memory, and a line that nobody raises: the handler runs for hits alone,
 * of a CPU that waits in its idle loop. irq_test.c in kernel/irq/ calls
 * handle_polled_irq() itself.
 *
 * The line is level triggered: the core forgets what came while such a line was
 * disabled, so what is handled afterwards is what the poller owes.
 */

#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/pm_qos.h>
#include <linux/poll_source.h>
#include <linux/sched.h>
#include <kunit/test.h>

#define TIMEOUT_MS	2000
/* Many times the longest wait of an idle CPU. */
#define A_WHILE_MS	50

/**
 * struct poll_irq_test - a device and its driver
 * @source: the device's ring as a poll source
 * @used: how many buffers the device has used
 * @avail: how many it was given, one more than it has used
 * @event: the buffer that the driver waits for, unless borrowed
 * @taken: how many the driver has taken
 * @irq: its line
 * @qos: has idle CPUs poll
 * @requested: the line has an action
 * @registered: the source is registered
 * @suspended: the lines of all devices are suspended
 * @handled: runs of the handler that found a buffer used
 * @blocks: the handler takes a while, from @waiting on
 * @entered: the handler runs
 * @waiting: somebody is about to wait for it
 * @left: it is about to return
 */
struct poll_irq_test {
	struct poll_source source;
	u16 used;
	u16 avail;
	u16 event;
	u16 taken;
	unsigned int irq;
	struct pm_qos_request qos;
	bool requested;
	bool registered;
	bool suspended;
	unsigned int handled;
	bool blocks;
	bool entered;
	bool waiting;
	bool left;
};

static struct device poll_irq_test_device = {
	.init_name = "poll_irq_test",
};

static irqreturn_t poll_irq_test_handler(int irq, void *dev_id)
{
	struct poll_irq_test *pt = dev_id;
	unsigned int ms;

	if (pt->taken == READ_ONCE(pt->used))
		return IRQ_NONE;

	WRITE_ONCE(pt->entered, true);
	if (pt->blocks) {
		for (ms = 0; ms < TIMEOUT_MS && !READ_ONCE(pt->waiting); ms++)
			mdelay(1);
		mdelay(A_WHILE_MS);
	}
	pt->taken = READ_ONCE(pt->used);
	WRITE_ONCE(pt->event, pt->taken);
	WRITE_ONCE(pt->handled, pt->handled + 1);
	/* Pairs with poll_irq_test_soon(). */
	smp_store_release(&pt->left, true);
	return IRQ_HANDLED;
}

/* The device uses a buffer, and gets another. */
static void poll_irq_test_use(struct poll_irq_test *pt)
{
	WRITE_ONCE(pt->avail, pt->used + 2);
	WRITE_ONCE(pt->used, pt->used + 1);
}

/*
 * There is something to hit from the first look on: a source with nothing to do is
 * soon looked at no more.
 */
static void poll_irq_test_poll(struct kunit *test)
{
	struct poll_irq_test *pt = test->priv;

	poll_irq_test_use(pt);
	poll_source_register(&pt->source);
	pt->registered = true;
	KUNIT_ASSERT_TRUE(test, poll_source_bound(&pt->source));
}

static bool poll_irq_test_soon(const bool *flag)
{
	unsigned int ms;

	/* Pairs with poll_irq_test_handler(). */
	for (ms = 0; ms < TIMEOUT_MS && !smp_load_acquire(flag); ms++)
		usleep_range(500, 1000);
	return READ_ONCE(*flag);
}

/* Otherwise it would not have been hit anyway. */
static void poll_irq_test_looked(struct kunit *test)
{
	struct poll_irq_test *pt = test->priv;
	const unsigned long *looks = &pt->source.ring.looks;
	unsigned int ms;

	for (ms = 0; ms < TIMEOUT_MS && !READ_ONCE(*looks); ms++)
		usleep_range(500, 1000);
	KUNIT_EXPECT_NE(test, READ_ONCE(*looks), 0);
	msleep(A_WHILE_MS);
}

static void poll_irq_test_hit(struct kunit *test)
{
	struct poll_irq_test *pt = test->priv;

	poll_irq_test_poll(test);
	KUNIT_EXPECT_TRUE(test, poll_irq_test_soon(&pt->left));
	KUNIT_EXPECT_EQ(test, READ_ONCE(pt->handled), 1);
}

/* disable_irq() holds for hits, and the buffer is not forgotten. */
static void poll_irq_test_disable(struct kunit *test)
{
	struct poll_irq_test *pt = test->priv;

	disable_irq(pt->irq);
	poll_irq_test_poll(test);
	poll_irq_test_looked(test);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(pt->entered));
	/* What was refused is no hit. */
	KUNIT_EXPECT_EQ(test, READ_ONCE(pt->source.hits), 0);

	enable_irq(pt->irq);
	KUNIT_EXPECT_TRUE(test, poll_irq_test_soon(&pt->left));
	KUNIT_EXPECT_EQ(test, READ_ONCE(pt->handled), 1);
}

static void poll_irq_test_resume_lines(struct poll_irq_test *pt)
{
	if (IS_ENABLED(CONFIG_PM_SLEEP) && pt->suspended)
		resume_device_irqs();
	pt->suspended = false;
}

static void poll_irq_test_suspend(struct kunit *test)
{
#ifdef CONFIG_PM_SLEEP
	struct poll_irq_test *pt = test->priv;

	suspend_device_irqs();
	pt->suspended = true;
	poll_irq_test_poll(test);
	poll_irq_test_looked(test);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(pt->entered));

	poll_irq_test_resume_lines(pt);
	KUNIT_EXPECT_TRUE(test, poll_irq_test_soon(&pt->left));
	KUNIT_EXPECT_EQ(test, READ_ONCE(pt->handled), 1);
#else
	kunit_skip(test, "requires CONFIG_PM_SLEEP");
#endif
}

/* When this returns, the handler runs on another CPU, and goes on for a while. */
static void poll_irq_test_block(struct kunit *test)
{
	struct poll_irq_test *pt = test->priv;

	pt->blocks = true;
	poll_irq_test_poll(test);
	KUNIT_ASSERT_TRUE(test, poll_irq_test_soon(&pt->entered));
	WRITE_ONCE(pt->waiting, true);
}

static void poll_irq_test_synchronize(struct kunit *test)
{
	struct poll_irq_test *pt = test->priv;

	poll_irq_test_block(test);
	synchronize_irq(pt->irq);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(pt->left));
}

static void poll_irq_test_disable_waits(struct kunit *test)
{
	struct poll_irq_test *pt = test->priv;

	poll_irq_test_block(test);
	disable_irq(pt->irq);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(pt->left));
}

/* A given handler is not freed with the line, and must not run any more either. */
static void poll_irq_test_free(struct kunit *test)
{
	struct poll_irq_test *pt = test->priv;

	if (force_irqthreads())
		kunit_skip(test, "requires handlers that are not threads");

	pt->source.handler = poll_irq_test_handler;
	pt->source.dev_id = pt;
	poll_irq_test_block(test);
	free_irq(pt->irq, pt);
	pt->requested = false;
	KUNIT_EXPECT_TRUE(test, READ_ONCE(pt->left));

	pt->blocks = false;
	poll_irq_test_use(pt);
	msleep(A_WHILE_MS);
	KUNIT_EXPECT_EQ(test, READ_ONCE(pt->handled), 1);
}

/* The test stays on one CPU, and another one polls. */
static int poll_irq_test_init(struct kunit *test)
{
	unsigned int here = cpumask_first(cpu_online_mask);
	unsigned int there = cpumask_last(cpu_online_mask);
	struct poll_irq_test *pt;
	int irq;

	if (here == there)
		kunit_skip(test, "requires 2 CPUs");
	if (poll_source_obstacle())
		kunit_skip(test, "%s", poll_source_obstacle());

	pt = kunit_kzalloc(test, sizeof(*pt), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pt);
	irq = irq_alloc_desc(NUMA_NO_NODE);
	KUNIT_ASSERT_GT(test, irq, 0);
	pt->irq = irq;
	test->priv = pt;

	irq_set_chip_and_handler(irq, &dummy_irq_chip, handle_simple_irq);
	irq_modify_status(irq, IRQ_NOREQUEST, IRQ_LEVEL);
	KUNIT_ASSERT_EQ(test, request_irq(irq, poll_irq_test_handler, IRQF_NO_THREAD,
					  "poll_irq_test", pt), 0);
	pt->requested = true;
	irq_data_update_effective_affinity(irq_get_irq_data(irq), cpumask_of(there));

	pt->source.ring.used = &pt->used;
	pt->source.ring.avail = &pt->avail;
	pt->source.ring.event = &pt->event;
	pt->source.ring.size = 256;
	pt->source.ring.kind = POLL_RING_EVENT;
	pt->source.ring.weak_barriers = true;
	pt->source.dev = &poll_irq_test_device;
	pt->source.name = "ring";
	pt->source.irq = irq;

	cpu_latency_qos_add_request(&pt->qos, 0);
	return set_cpus_allowed_ptr(current, cpumask_of(here));
}

static void poll_irq_test_exit(struct kunit *test)
{
	struct poll_irq_test *pt = test->priv;

	if (!pt)
		return;
	/* Also if the test gave up in between. */
	poll_irq_test_resume_lines(pt);
	WRITE_ONCE(pt->waiting, true);
	if (pt->registered)
		poll_source_unregister(&pt->source);
	if (pt->requested)
		free_irq(pt->irq, pt);
	if (cpu_latency_qos_request_active(&pt->qos))
		cpu_latency_qos_remove_request(&pt->qos);
	irq_free_desc(pt->irq);
}

static struct kunit_case poll_irq_test_cases[] = {
	KUNIT_CASE(poll_irq_test_hit),
	KUNIT_CASE(poll_irq_test_disable),
	KUNIT_CASE(poll_irq_test_suspend),
	KUNIT_CASE(poll_irq_test_synchronize),
	KUNIT_CASE(poll_irq_test_disable_waits),
	KUNIT_CASE(poll_irq_test_free),
	{}
};

static struct kunit_suite poll_irq_test_suite = {
	.name = "poll_irq",
	.init = poll_irq_test_init,
	.exit = poll_irq_test_exit,
	.test_cases = poll_irq_test_cases,
};

kunit_test_suite(poll_irq_test_suite);
