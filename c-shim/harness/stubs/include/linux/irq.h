/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/cpumask.h>

const struct cpumask *irq_get_effective_affinity_mask(unsigned int irq);
