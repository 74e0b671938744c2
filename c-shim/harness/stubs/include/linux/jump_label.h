/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <linux/compiler.h>

struct static_key_false {
	int enabled;
};

#define DECLARE_STATIC_KEY_FALSE(name)	extern struct static_key_false name
#define DEFINE_STATIC_KEY_FALSE(name)	struct static_key_false name
#define static_branch_unlikely(key)	(READ_ONCE((key)->enabled) > 0)
#define static_branch_inc(key) \
	((void)__atomic_add_fetch(&(key)->enabled, 1, __ATOMIC_SEQ_CST))
#define static_branch_dec(key) \
	((void)__atomic_sub_fetch(&(key)->enabled, 1, __ATOMIC_SEQ_CST))
