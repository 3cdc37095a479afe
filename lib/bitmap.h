/* SPDX-License-Identifier: MIT */
/* Sets of small numbers, one bit each, in an array of u64. Not atomic. */
#ifndef LIB_BITMAP_H
#define LIB_BITMAP_H

#include "hv/types.h"

#define BITMAP_WORDS(bits) (((bits) + 63) / 64)

static inline void bitmap_set(u64 *map, u32 n)
{
	map[n / 64] |= BIT(n % 64);
}

static inline void bitmap_clear(u64 *map, u32 n)
{
	map[n / 64] &= ~BIT(n % 64);
}

static inline bool bitmap_test(const u64 *map, u32 n)
{
	return map[n / 64] & BIT(n % 64);
}

/* The first member at or above from of a set of numbers below bits; bits when there is none. */
static inline u32 bitmap_next(const u64 *map, u32 bits, u32 from)
{
	for (u32 n = from; n < bits; n = (n / 64 + 1) * 64) {
		u64 rest = map[n / 64] >> (n % 64);
		u32 found;

		if (!rest)
			continue;
		found = n + (u32)__builtin_ctzll(rest);
		return found < bits ? found : bits;
	}
	return bits;
}

#endif
