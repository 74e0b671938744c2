// SPDX-License-Identifier: GPL-2.0
/*
 * bind_exit.c - bind.c, and what undoes it: a kernel never does, a module may
 */

#include "bind.c"
#include "module.h"

/**
 * poll_source_bind_exit - undo poll_source_bind_init()
 * @state: what that returned
 *
 * Called when no source is registered and no CPU is in the wait any more.
 */
void poll_source_bind_exit(int state)
{
	int cpu;

	cpuhp_remove_state_nocalls(state);
	cancel_work_sync(&poll_source_follower);
	destroy_workqueue(poll_source_wq);
	for_each_possible_cpu(cpu) {
		kfree(per_cpu(poll_cpus, cpu));
		per_cpu(poll_cpus, cpu) = NULL;
	}
}
