// SPDX-License-Identifier: GPL-2.0
/* The test calls the module's poll_source_hit() by this function. */

#include "../../../module/module.h"

void module_tell_line(struct irq_desc *desc);

void module_tell_line(struct irq_desc *desc)
{
	struct poll_source source = { .desc = desc };

	poll_source_hit(&source, false);
}
