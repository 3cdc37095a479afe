/* SPDX-License-Identifier: MIT */
/* Rules of events that are neither vendor's. */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include "hv/types.h"
#include "x86/rflags.h"
#include "x86/vector.h"

static inline bool event_contributory(u8 vector)
{
	return vector < VECTOR_COUNT && (VECTOR_CONTRIBUTORY >> vector & 1);
}

/*
 * An exception `second` while the exception `first` was being delivered: #DF where the pair asks
 * for it (Intel SDM vol. 3A, 6.15, table 6-5; AMD APM vol. 2, 8.2.9). Benign pairs are handled
 * serially: the second is delivered, and an interrupt whose delivery it cut short is gone, as on
 * the CPU itself.
 */
static inline bool event_makes_df(u8 first, u8 second)
{
	if (event_contributory(first))
		return event_contributory(second);
	return first == VECTOR_PF && (event_contributory(second) || second == VECTOR_PF);
}

/* A trap is due behind an instruction: TF is set, and BTF does not make it mean branches (Intel SDM
 * vol. 3B, 18.4.3; AMD APM vol. 2, 13.1.4). */
static inline bool event_single_step(u64 rflags, u64 debugctl)
{
	const u64 btf = BIT(1);

	return (rflags & RFLAGS_TF) && !(debugctl & btf);
}

#endif
