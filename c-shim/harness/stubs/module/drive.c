// SPDX-License-Identifier: GPL-2.0
/* The tests call the module's hits by these functions. */

#include "../../../module/module.h"

__thread int module_softirqs_off;

void module_tell_line(struct irq_desc *desc);
int module_hold_softirqs_twice(struct irq_desc *desc);

/* As in core.c, but nothing is counted. */
u64 poll_source_ran(struct poll_source *source, bool hit, u64 start)
{
	return start;
}

void module_tell_line(struct irq_desc *desc)
{
	struct poll_source source = { .desc = desc };

	poll_core_hit(&source.ring, true, 0);
}

/* Returns how often softirqs are still disabled after two hits that held them. */
int module_hold_softirqs_twice(struct irq_desc *desc)
{
	struct poll_source source = { .desc = desc };

	module_softirqs_off = 0;
	poll_core_hit(&source.ring, false, 0);
	poll_core_hit(&source.ring, false, 0);
	poll_core_softirqs(&source.ring, 0);
	return module_softirqs_off;
}
