/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/types.h>

#define NSEC_PER_USEC	1000L

static inline u64 div_u64(u64 dividend, u32 divisor)
{
	return dividend / divisor;
}
