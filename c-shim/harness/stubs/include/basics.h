/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
/* What all code of the kernel uses: the compiler, errors, numbers, lists and memory. */

#include "harness.h"

/* Compiler */

/* Marked accesses may race. They are atomic so that a sanitizer accepts them. */
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, val)	__atomic_store_n(&(x), (val), __ATOMIC_RELAXED)
#define smp_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define mb()			__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_mb__after_atomic()	mb()
#define IS_ENABLED(option)	false
#define __always_inline		inline __attribute__((always_inline))
#define __cpuidle
#define __init
#define EXPORT_SYMBOL_GPL(name)
#define subsys_initcall(fn)	int harness_initcall(void) { return fn(); }
#define max(a, b)		((a) > (b) ? (a) : (b))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define WARN_ON_ONCE(cond) \
	({ bool __c = (cond); if (__c) harness_fault("WARN_ON_ONCE(" #cond ")"); __c; })

int harness_initcall(void);

static inline u16 sync_cmpxchg(u16 *word, u16 old, u16 new)
{
	if (harness.swap)
		harness.swap();
	__atomic_compare_exchange_n(word, &old, new, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_RELAXED);
	return old;
}

/* Errors and numbers */

#define ENOMEM		12
#define NSEC_PER_USEC	1000L

static inline u64 div_u64(u64 dividend, u32 divisor)
{
	return dividend / divisor;
}

/* Lists */

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD(name)	struct list_head name = { &(name), &(name) }

static inline void list_add_tail(struct list_head *new, struct list_head *head)
{
	new->prev = head->prev;
	new->next = head;
	head->prev->next = new;
	head->prev = new;
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline void list_del_init(struct list_head *entry)
{
	entry->prev->next = entry->next;
	entry->next->prev = entry->prev;
	entry->next = entry->prev = entry;
}

#define list_for_each_entry(pos, head, member)				\
	for (pos = container_of((head)->next, typeof(*pos), member);	\
	     &pos->member != (head);					\
	     pos = container_of(pos->member.next, typeof(*pos), member))

/* Memory */

/* Memory is reclaimed, and may wait for a disk, only with __GFP_DIRECT_RECLAIM. */
#define __GFP_DIRECT_RECLAIM	1
#define __GFP_NOWARN		2
#define GFP_NOWAIT		0
#define GFP_NOIO		__GFP_DIRECT_RECLAIM
#define cpu_to_node(cpu)	0

void *kzalloc_node(size_t size, int flags, int node);
void kfree(void *memory);
