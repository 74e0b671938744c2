// SPDX-License-Identifier: GPL-2.0
/* Interrupts and softirqs of the stub kernel. */

#include <kernel.h>

static struct irq_desc irq_descs[NR_IRQS];

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
