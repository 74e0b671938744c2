/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/types.h>

struct work_struct {
	void (*func)(struct work_struct *work);
	struct work_struct *next;
	bool queued;
};

#define INIT_WORK(work, fn)	(*(work) = (struct work_struct){ .func = (fn) })

bool schedule_work(struct work_struct *work);
bool cancel_work_sync(struct work_struct *work);
