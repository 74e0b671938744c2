/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
/* ct_cpuidle_enter() and ct_cpuidle_exit() are in <linux/cpuidle.h>. */
