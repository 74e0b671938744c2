/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <harness.h>

#define force_irqthreads()	(harness.threadirqs)

void synchronize_irq(unsigned int irq);
