/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/types.h>

/* Marked accesses may race: so that a sanitizer knows, too. */
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, val)	__atomic_store_n(&(x), (val), __ATOMIC_RELAXED)
#define __always_inline		inline __attribute__((always_inline))
#define __cpuidle
#define __init
#define data_race(expr)		(expr)
#define unlikely(x)		(x)
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define smp_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
