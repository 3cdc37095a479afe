/* SPDX-License-Identifier: MIT */
/*
 * A fair lock that knows its owner: CPUs get it in the order in which they asked. For bring-up and
 * rare exits (second-level tables, revival); no common exit takes one. cpu is any number that is
 * unique per CPU and not UINT32_MAX.
 */
#ifndef LIB_SPINLOCK_H
#define LIB_SPINLOCK_H

#include <stdatomic.h>
#include "hv/types.h"

struct spinlock {
	_Atomic u32 next;    /* ticket for the next who asks */
	_Atomic u32 serving; /* ticket of the holder */
	_Atomic u32 owner;   /* cpu + 1 of the holder; 0: free */
};

static inline bool spin_held_by(struct spinlock *l, u32 cpu)
{
	return atomic_load_explicit(&l->owner, memory_order_relaxed) == cpu + 1;
}

/* Waits without limit. The caller must not hold it: look with spin_held_by() where that may be. */
static inline void spin_lock(struct spinlock *l, u32 cpu)
{
	u32 ticket = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed);

	while (atomic_load_explicit(&l->serving, memory_order_acquire) != ticket)
		__builtin_ia32_pause();
	atomic_store_explicit(&l->owner, cpu + 1, memory_order_relaxed);
}

/* Only the holder may. */
static inline void spin_unlock(struct spinlock *l)
{
	u32 ticket = atomic_load_explicit(&l->serving, memory_order_relaxed);

	atomic_store_explicit(&l->owner, 0, memory_order_relaxed);
	atomic_store_explicit(&l->serving, ticket + 1, memory_order_release);
}

#endif
