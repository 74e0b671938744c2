/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/bug.h>
#include <linux/lockdep.h>

void irq_enter(void);
void irq_exit_poll(void);
