/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
void local_irq_enable(void);
void local_irq_disable(void);
