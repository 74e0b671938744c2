/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/lockdep.h>

enum cpuhp_state {
	CPUHP_AP_ONLINE_DYN,
};

void cpus_read_lock(void);
void cpus_read_unlock(void);
int cpuhp_setup_state_nocalls(enum cpuhp_state state, const char *name,
			      int (*startup)(unsigned int cpu),
			      int (*teardown)(unsigned int cpu));
