/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
/* Interrupts and softirqs. */

#include "cpus.h"
#include "locks.h"

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

#define irq_data_to_desc(data)			container_of(data, struct irq_desc, irq_data)
#define irq_data_get_effective_affinity_mask(d)	((const struct cpumask *)&(d)->affinity)
#define irq_desc_kstat_cpu(desc, cpu)		((desc)->kstat[cpu])

struct irq_desc *harness_desc(unsigned int irq);
void harness_interrupt(unsigned int irq);

void local_irq_enable(void);
void local_irq_disable(void);
#define softirq_count()	(harness.bh_off)
void local_bh_disable(void);
void _local_bh_enable(void);
void irq_enter(void);
void irq_exit_poll(bool softirqs);
bool handle_polled_irq(struct irq_desc *desc, irq_handler_t handler, void *dev_id);
struct irq_data *irq_get_irq_data(unsigned int irq);
const struct cpumask *irq_get_effective_affinity_mask(unsigned int irq);
