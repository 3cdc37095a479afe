/* SPDX-License-Identifier: MIT */
/*
 * A ring of fixed-size records that one CPU writes and any CPU may read at any time. The writer
 * never waits and overwrites the oldest; a reader sees a record whole or not at all. Records are
 * numbered from 0, modulo 2^32. Words are 32-bit, so that each is one plain access on every x86.
 */
#ifndef LIB_RING_H
#define LIB_RING_H

#include <stdatomic.h>
#include "hv/types.h"

/* A record's words, led by its state: 2n + 1 while record n is written, 2n + 2 once it is whole. */
#define RING_WORDS(slots, record_words) ((slots) * ((record_words) + 1))

struct ring {
	u32 slots;	  /* a power of two */
	u32 record_words; /* u32 per record */
	_Atomic u32 head; /* number of the next record */
	_Atomic u32 *mem; /* RING_WORDS(slots, record_words), zeroed */
};

static inline _Atomic u32 *ring_slot(const struct ring *r, u32 n)
{
	return r->mem + (size_t)(n & (r->slots - 1)) * (r->record_words + 1);
}

/* Only by the one writer, not from a nested context such as its NMI handler. */
static inline void ring_write(struct ring *r, const u32 *record)
{
	u32 n = atomic_load_explicit(&r->head, memory_order_relaxed);
	_Atomic u32 *slot = ring_slot(r, n);

	atomic_store_explicit(slot, 2 * n + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	for (u32 i = 0; i < r->record_words; i++)
		atomic_store_explicit(slot + 1 + i, record[i], memory_order_relaxed);
	atomic_store_explicit(slot, 2 * n + 2, memory_order_release);
	atomic_store_explicit(&r->head, n + 1, memory_order_release);
}

/* The number that the next record will have: the newest there is has one less. */
static inline u32 ring_head(struct ring *r)
{
	return atomic_load_explicit(&r->head, memory_order_acquire);
}

/* Copies record n. False: not written yet, overwritten already, or just being so. */
static inline bool ring_read(const struct ring *r, u32 n, u32 *record)
{
	_Atomic u32 *slot = ring_slot(r, n);

	if (atomic_load_explicit(slot, memory_order_acquire) != 2 * n + 2)
		return false;
	for (u32 i = 0; i < r->record_words; i++)
		record[i] = atomic_load_explicit(slot + 1 + i, memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(slot, memory_order_relaxed) == 2 * n + 2;
}

#endif
