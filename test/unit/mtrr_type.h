/* SPDX-License-Identifier: MIT */
/* The memory type at one address. */
#ifndef TEST_MTRR_TYPE_H
#define TEST_MTRR_TYPE_H

#include "unit.h"
#include "lib/mtrr.h"

static inline u8 mtrr_type_at(const struct mtrr_state *s, u64 pa, u32 phys_bits)
{
	u8 type;

	/* a page always has one */
	assert_true(mtrr_type_range(s, align_down(pa, PAGE_SIZE), PAGE_SIZE, phys_bits, &type));
	return type;
}

#endif
