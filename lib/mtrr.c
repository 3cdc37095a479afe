/* SPDX-License-Identifier: MIT */
#include "lib/mtrr.h"

#define DEF_FE	      BIT(10)
#define DEF_E	      BIT(11)
#define MASK_VALID    BIT(11)
#define NO_TYPE	      0xffu
#define FIXED_64K_END 0x80000u
#define FIXED_16K_END 0xc0000u
#define RANGE_STEPS   4096u /* looked at before a range counts as mixed: some microseconds */

/* The type where two variable ranges overlap ("Intel SDM vol. 3A", 12.11.4.1). */
static u8 combine(u8 a, u8 b)
{
	if (a == NO_TYPE || a == b)
		return b;
	if ((a == MTRR_WT && b == MTRR_WB) || (a == MTRR_WB && b == MTRR_WT))
		return MTRR_WT;
	return MTRR_UC;
}

static u64 address_bits(u32 phys_bits)
{
	return (BIT(phys_bits) - 1) & ~(PAGE_SIZE - 1);
}

static u32 variable_count(const struct mtrr_state *s)
{
	u32 n = s->cap & 0xff;

	return n < MTRR_VARIABLE_COUNT ? n : MTRR_VARIABLE_COUNT;
}

/* Which variable ranges cover a block: all of it, or perhaps parts of it. */
struct cover {
	u8 full;    /* combined type of those that cover all; NO_TYPE: none */
	u8 partial; /* combined type of the others; NO_TYPE: none */
};

static struct cover cover(const struct mtrr_state *s, u64 base, u64 size, u32 phys_bits)
{
	u64 bits = address_bits(phys_bits);
	struct cover c = {NO_TYPE, NO_TYPE};

	for (u32 i = 0; i < variable_count(s); i++) {
		u64 mask = s->mask[i] & bits;
		u8 type = (u8)s->base[i];

		if (!(s->mask[i] & MASK_VALID) || (base ^ s->base[i]) & mask & ~(size - 1))
			continue;
		if (mask & (size - 1))
			c.partial = combine(c.partial, type);
		else
			c.full = combine(c.full, type);
	}
	return c;
}

static u8 fixed_type(const struct mtrr_state *s, u32 pa)
{
	u32 reg, byte;

	if (pa < FIXED_64K_END) {
		reg = 0;
		byte = pa / 0x10000;
	} else if (pa < FIXED_16K_END) {
		reg = 1 + (pa - FIXED_64K_END) / 0x20000;
		byte = pa / 0x4000 % 8;
	} else {
		reg = 3 + (pa - FIXED_16K_END) / 0x8000;
		byte = pa / 0x1000 % 8;
	}
	return (u8)(s->fixed[reg] >> (8 * byte));
}

static bool fixed_in_use(const struct mtrr_state *s, u64 pa)
{
	return pa < MiB(1) && (s->def_type & DEF_FE);
}

static u8 default_type(const struct mtrr_state *s)
{
	return (u8)s->def_type;
}

/* One search through a range: what was found so far, and how long it may go on. */
struct search {
	const struct mtrr_state *s;
	u32 phys_bits, steps;
	u8 type;
};

static bool agree(struct search *q, u8 type)
{
	if (q->type == NO_TYPE)
		q->type = type;
	return q->type == type;
}

/* The type of a block that no border of a fixed range crosses, if that can be told without a closer
 * look. */
static bool whole_type(const struct search *q, u64 base, u64 size, u8 *type)
{
	struct cover c;

	if (fixed_in_use(q->s, base)) {
		*type = fixed_type(q->s, (u32)base);
		return size == PAGE_SIZE;
	}
	c = cover(q->s, base, size, q->phys_bits);
	*type = c.full == NO_TYPE ? default_type(q->s) : c.full;
	/* UC stays UC whatever overlaps it. */
	return c.partial == NO_TYPE || c.full == MTRR_UC;
}

/* Halves the block until each part is of one type, and stops at the first that differs. */
static bool uniform(struct search *q, u64 base, u64 size)
{
	u8 type;

	if (!q->steps--) {
		q->steps = 0;
		return false;
	}
	if (whole_type(q, base, size, &type))
		return agree(q, type);
	size /= 2;
	return uniform(q, base, size) && uniform(q, base + size, size);
}

bool mtrr_type_range(const struct mtrr_state *s, u64 base, u64 size, u32 phys_bits, u8 *type)
{
	struct search q = {.s = s, .phys_bits = phys_bits, .steps = RANGE_STEPS, .type = NO_TYPE};

	if (!(s->def_type & DEF_E)) {
		*type = MTRR_UC;
		return true;
	}
	if (!uniform(&q, base, size))
		return false;
	*type = q.type;
	return true;
}
