/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/bug.h>

#define lockdep_assert_cpus_held()	WARN_ON_ONCE(!harness.cpus_locked)
#define lockdep_assert_held(lock)	WARN_ON_ONCE(!mutex_is_mine(lock))
#define lockdep_assert_irqs_disabled()	WARN_ON_ONCE(harness.irqs_on)
#define lockdep_hardirq_threaded()	WARN_ON_ONCE(!harness.hardirq)
