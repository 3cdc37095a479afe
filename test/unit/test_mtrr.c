/* SPDX-License-Identifier: MIT */
/* Memory types against a model that looks at one page at a time, by the words of the manual. */
#include "unit.h"
#include "mtrr_type.h"
#include "lib/mtrr.h"

#define PHYS_BITS 40u
#define SPACE	  MiB(8) /* what the model looks at, page by page */

static const u8 types[] = {MTRR_UC, MTRR_WC, MTRR_WT, MTRR_WP, MTRR_WB};

static u8 random_type(void)
{
	return types[rnd_below(ARRAY_SIZE(types))];
}

/* "Intel SDM vol. 3A", 11.11.4.1 in words: which types are among those that match? */
static u8 model_variable(const struct mtrr_state *s, u64 pa)
{
	bool seen[7] = {false};
	u32 kinds = 0;
	u8 last = 0;

	for (u32 i = 0; i < (s->cap & 0xff); i++) {
		u64 bits = (BIT(PHYS_BITS) - 1) & ~0xfffULL;
		u8 type = s->base[i] & 0xff;

		if (!(s->mask[i] & 0x800) ||
		    (pa & s->mask[i] & bits) != (s->base[i] & s->mask[i] & bits))
			continue;
		kinds += !seen[type];
		seen[type] = true;
		last = type;
	}
	if (!kinds)
		return s->def_type & 0xff;
	if (kinds == 1)
		return last;
	if (kinds == 2 && seen[MTRR_WT] && seen[MTRR_WB])
		return MTRR_WT;
	return MTRR_UC;
}

/* The fixed ranges by their MSRs: where each starts, and the bytes that one of its eight types
 * covers. */
static u8 model(const struct mtrr_state *s, u64 pa)
{
	static const struct {
		u32 start, step;
	} fixed[MTRR_FIXED_COUNT] = {{0, 0x10000},	{0x80000, 0x4000}, {0xa0000, 0x4000},
				     {0xc0000, 0x1000}, {0xc8000, 0x1000}, {0xd0000, 0x1000},
				     {0xd8000, 0x1000}, {0xe0000, 0x1000}, {0xe8000, 0x1000},
				     {0xf0000, 0x1000}, {0xf8000, 0x1000}};

	if (!(s->def_type & 0x800))
		return MTRR_UC;
	for (u32 i = 0; (s->def_type & 0x400) && i < MTRR_FIXED_COUNT; i++) {
		if (pa >= fixed[i].start && pa < fixed[i].start + 8 * fixed[i].step)
			return (u8)(s->fixed[i] >> (8 * ((pa - fixed[i].start) / fixed[i].step)));
	}
	return model_variable(s, pa);
}

/* Masks of the usual kind, ones above zeros; the block may lie anywhere, mostly in the model's
 * view. */
static void random_state(struct mtrr_state *s, bool gaps)
{
	u8 all = random_type();

	memset(s, 0, sizeof(*s));
	s->cap = 0x500 | rnd_below(11);
	s->def_type = random_type() | (rnd_below(8) ? 0x800 : 0) | (rnd_below(2) ? 0x400 : 0);
	for (u32 i = 0; i < MTRR_FIXED_COUNT; i++) {
		for (u32 j = 0; j < 8; j++)
			s->fixed[i] |= (u64)(rnd_below(8) ? all : random_type()) << (8 * j);
	}
	for (u32 i = 0; i < MTRR_VARIABLE_COUNT; i++) {
		u64 size = BIT(12 + rnd_below(14));

		s->base[i] = (rnd_below(16) ? rnd_below(2 * SPACE) : rnd()) & ~(size - 1);
		s->base[i] = (s->base[i] & (BIT(PHYS_BITS) - 1) & ~0xfffULL) | random_type();
		s->mask[i] = ((BIT(PHYS_BITS) - 1) & ~(size - 1)) | (rnd_below(4) ? 0x800 : 0);
		if (gaps)
			s->mask[i] &= ~(rnd() & rnd() & rnd() & ~0xfffULL);
	}
}

static void test_pages(void **state)
{
	struct mtrr_state s;

	(void)state;
	for (u32 round = 0; round < 300; round++) {
		random_state(&s, round % 4 == 0);
		for (u64 pa = 0; pa < SPACE; pa += PAGE_SIZE) {
			u64 at = pa + rnd_below(PAGE_SIZE);

			assert_int_equal(mtrr_type_at(&s, at, PHYS_BITS), model(&s, at));
		}
	}
}

/* What a range answers must be so for each page of it; without gaps in the masks it must know
 * exactly. */
static void check_range(const struct mtrr_state *s, const u8 *pages, u64 base, u64 size, bool exact)
{
	bool uniform = true;
	u8 got = 0xee;

	for (u64 pa = base; pa < base + size; pa += PAGE_SIZE)
		uniform &= pages[pa / PAGE_SIZE] == pages[base / PAGE_SIZE];
	if (mtrr_type_range(s, base, size, PHYS_BITS, &got)) {
		assert_true(uniform);
		assert_int_equal(got, pages[base / PAGE_SIZE]);
	} else {
		assert_false(uniform && (exact || size == PAGE_SIZE));
	}
}

static void test_ranges(void **state)
{
	static u8 pages[SPACE / PAGE_SIZE];
	struct mtrr_state s;

	(void)state;
	for (u32 round = 0; round < 150; round++) {
		bool gaps = round % 4 == 0;

		random_state(&s, gaps);
		for (u64 pa = 0; pa < SPACE; pa += PAGE_SIZE)
			pages[pa / PAGE_SIZE] = model(&s, pa);
		for (u64 size = PAGE_SIZE; size <= SPACE; size *= 2) {
			for (u64 base = 0; base < SPACE; base += size)
				check_range(&s, pages, base, size, !gaps);
		}
	}
}

/* A machine as firmware sets it up, in blocks of 1 GiB: WB by default, the PCI hole UC. */
static void test_machine(void **state)
{
	struct mtrr_state s = {.cap = 0x508, .def_type = 0xc06};
	u8 type;

	(void)state;
	memset(s.fixed, MTRR_WB, sizeof(s.fixed));
	s.base[0] = 0xc0000000 | MTRR_UC;
	s.mask[0] = 0xffc0000000 | 0x800;
	assert_true(mtrr_type_range(&s, 0, PAGE_1G, PHYS_BITS, &type));
	assert_int_equal(type, MTRR_WB);
	assert_true(mtrr_type_range(&s, 3 * PAGE_1G, PAGE_1G, PHYS_BITS, &type));
	assert_int_equal(type, MTRR_UC);
	assert_true(mtrr_type_range(&s, 4 * PAGE_1G, PAGE_1G, PHYS_BITS, &type));
	assert_int_equal(type, MTRR_WB);
	assert_int_equal(mtrr_type_at(&s, 0xfee00000, PHYS_BITS), MTRR_UC);
	s.fixed[2] = 0; /* VGA */
	assert_false(mtrr_type_range(&s, 0, PAGE_1G, PHYS_BITS, &type));
	assert_false(mtrr_type_range(&s, 0, PAGE_2M, PHYS_BITS, &type));
	s.def_type = 0x806; /* without the fixed ranges it is one piece again */
	assert_true(mtrr_type_range(&s, 0, PAGE_1G, PHYS_BITS, &type));
	s.def_type = 6; /* all off */
	assert_true(mtrr_type_range(&s, 0, PAGE_1G, PHYS_BITS, &type));
	assert_int_equal(type, MTRR_UC);
	s = (struct mtrr_state){.cap = 2, .def_type = 0x800}; /* two halves that make a whole */
	s.base[0] = MTRR_WB;
	s.base[1] = MiB(512) | MTRR_WB;
	s.mask[0] = s.mask[1] = 0xffe0000000 | 0x800;
	assert_true(mtrr_type_range(&s, 0, PAGE_1G, PHYS_BITS, &type));
	assert_int_equal(type, MTRR_WB);
}

/* A mask that takes every other page must not make the search for a 1 GiB block endless. */
static void test_bounded(void **state)
{
	struct mtrr_state s = {.cap = 1, .def_type = 0x800 | MTRR_WB};
	clock_t start = clock();
	u8 type;

	(void)state;
	s.base[0] = MTRR_WB;
	s.mask[0] = 0x1000 | 0x800;
	for (u32 i = 0; i < 100; i++)
		assert_false(mtrr_type_range(&s, 0, PAGE_1G, PHYS_BITS, &type));
	/* 100 times 4096 steps, where following it to the end would take 100 times 524,287 */
	assert_true(clock() - start < 2 * CLOCKS_PER_SEC);
	assert_true(mtrr_type_range(&s, 0, PAGE_SIZE, PHYS_BITS, &type));
	assert_int_equal(type, MTRR_WB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_machine),
		cmocka_unit_test(test_bounded),
	};

	return RUN_SEEDED(tests);
}
