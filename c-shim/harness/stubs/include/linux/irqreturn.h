/* SPDX-License-Identifier: GPL-2.0 */
#pragma once

typedef unsigned int irqreturn_t;

#define IRQ_NONE	0
#define IRQ_HANDLED	1
