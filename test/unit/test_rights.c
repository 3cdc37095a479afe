/* SPDX-License-Identifier: MIT */
/*
 * The rights that hypapps take from pages: the map's and those of single pages, in second-level
 * tables in a fake physical memory, walked as the CPU would. The entries are the real EPT ones.
 */
#include "unit.h"
#include "core/slat.c"
#include "hypapp/service/rights.h"
#include "hv/rights.h"
#include "vmx/vmx.h"

#define ARENA_PAGES 2048u
#define ARENA_BASE  0x30000000ULL
#define RAM	    MiB(64)

struct vmx_caps vmx_caps; /* vmx_ept.c wants it; no test flushes */

static u8 arena[ARENA_PAGES * 4096] __attribute__((aligned(4096)));
static u64 arena_used, arena_limit = ARENA_PAGES;

u32 this_cpu(void)
{
	return 0;
}

void *page_alloc(u64 n)
{
	u8 *p = arena + arena_used * PAGE_SIZE;

	if (arena_used + n > arena_limit)
		return NULL;
	arena_used += n;
	return memset(p, 0, n * PAGE_SIZE);
}

hpa_t page_hpa(const void *p)
{
	return HPA(ARENA_BASE + (u64)((const u8 *)p - arena));
}

void *phys_ptr(u64 pa)
{
	assert_true(pa >= ARENA_BASE && pa < ARENA_BASE + sizeof(arena));
	return arena + (pa - ARENA_BASE);
}

/* Rights and level of the leaf, by the manual's bits ("Intel SDM vol. 3C", 29.3.2). */
static u32 rights_of(u64 gpa, u32 *level)
{
	const u64 *table = phys_ptr(slat_root().v);

	for (*level = 4;; --*level) {
		u64 e = table[(gpa >> (12 + 9 * (*level - 1))) & 511];

		if (*level == 1 || (e & 0x80) || !(e & 7))
			return e & 7;
		table = phys_ptr(e & 0xffffffffff000ULL);
	}
}

/* All memory write-back, and a map of it, for which there are just the pages it says it needs. */
static void start(void)
{
	const struct mtrr_state mtrr = {.def_type = 0x806};

	memset(&slat, 0, sizeof(slat));
	arena_used = 0;
	arena_limit = ARENA_PAGES;
	ept_format.has_1g = true;
	assert_true(slat_init(&ept_format, &mtrr, RAM, 40) == OK);
	arena_limit = arena_used + slat_map_memory(RAM);
	assert_true(slat_map_make(RAM));
}

static void test_every_page(void **state)
{
	static const u32 due[] = {
		[PAGE_OPEN] = 7, [PAGE_CODE] = 5, [PAGE_DATA] = 3, [PAGE_GIVEN] = 7};
	static u8 is[RAM / 4096];
	u32 level;

	(void)state;
	start();
	for (u64 i = 0; i < RAM / 4096; i++) {
		is[i] = (u8)(rnd() & 3);
		slat_map_set(i * 4096, is[i]);
	}
	assert_true(slat_map_sync());
	for (u64 i = 0; i < RAM / 4096; i++) {
		assert_int_equal(slat_map_get(i * 4096 + 5), is[i]);
		assert_int_equal(rights_of(i * 4096, &level), due[is[i]]);
	}
	assert_int_equal(rights_of(RAM, &level), 7);
	assert_int_equal(rights_of(GiB(1), &level), 7);
	assert_int_equal(level, 3);
}

/* One page that differs, at either end of a 2 MiB page, or none. */
static void test_large_leaves(void **state)
{
	u32 level;

	(void)state;
	start();
	for (u64 at = 0; at < RAM; at += 4096)
		slat_map_set(at, PAGE_DATA);
	slat_map_set(MiB(4), PAGE_CODE);
	slat_map_set(MiB(8) - 4096, PAGE_CODE);
	assert_true(slat_map_sync());
	for (u64 at = 0; at < RAM; at += 4096) {
		bool code = at == MiB(4) || at == MiB(8) - 4096;

		assert_int_equal(rights_of(at, &level), code ? 5 : 3);
		assert_int_equal(level, at >= MiB(4) && at < MiB(8) ? 1 : 2);
	}
}

static void test_give(void **state)
{
	u32 level;

	(void)state;
	start();
	for (u64 at = 0; at < RAM; at += 4096)
		slat_map_set(at, PAGE_DATA);
	assert_true(slat_map_sync());
	assert_true(slat_map_give_page(MiB(10) + 4096 + 7));
	assert_int_equal(slat_map_get(MiB(10) + 4096), PAGE_GIVEN);
	for (u64 at = 0; at < RAM; at += 4096)
		assert_int_equal(rights_of(at, &level), at == MiB(10) + 4096 ? 7 : 3);
	assert_true(slat_map_give_page(MiB(10)));
	assert_int_equal(rights_of(MiB(10), &level), 7);
	assert_int_equal(rights_of(MiB(10) + 2 * 4096, &level), 3);
}

/* Owners of single pages are counted, and come on top of the map. */
static void test_owners(void **state)
{
	u32 level;

	(void)state;
	start();
	arena_limit = ARENA_PAGES;
	slat_map_set(MiB(2), PAGE_CODE);
	assert_true(slat_map_sync());
	assert_true(slat_refuse(MiB(2), SLAT_EXEC, true));
	assert_true(slat_refuse(MiB(2), SLAT_EXEC, true));
	assert_true(slat_refuse(MiB(30), SLAT_WRITE, true));
	assert_int_equal(rights_of(MiB(2), &level), 1);
	assert_int_equal(rights_of(MiB(30), &level), 5);
	assert_int_equal(rights_of(MiB(30) + 4096, &level), 7);
	assert_true(slat_refuse(MiB(2), SLAT_EXEC, false));
	assert_int_equal(rights_of(MiB(2), &level), 1);
	assert_true(slat_refuse(MiB(2), SLAT_EXEC, false));
	assert_int_equal(rights_of(MiB(2), &level), 5);
	assert_true(slat_refuse(MiB(30), SLAT_WRITE, false));
	assert_int_equal(rights_of(MiB(30), &level), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_page),
		cmocka_unit_test(test_large_leaves),
		cmocka_unit_test(test_give),
		cmocka_unit_test(test_owners),
	};

	return RUN_SEEDED(tests);
}
