/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/types.h>

bool need_resched(void);
bool current_set_polling_and_test(void);
void current_clr_polling(void);
void cpu_relax(void);
