/* SPDX-License-Identifier: MIT */
/* Memory maps against a picture of them: an array with the type of each unit of a small address
 * space. */
#include "unit.h"
#include "map_type.h"
#include "lib/mem_map.h"

#define UNITS 64

static const u32 types[] = {E820_RAM, E820_ACPI, E820_NVS, E820_RESERVED, 7, 12, E820_BAD};

static void assert_sane(const struct mem_map *m)
{
	assert_true(m->count <= MEM_MAP_MAX);
	for (u32 i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];

		assert_true(r->size && r->base + r->size > r->base);
		if (!i)
			continue;
		assert_true(r[-1].base + r[-1].size <= r->base);
		assert_false(r[-1].base + r[-1].size == r->base && r[-1].type == r->type);
	}
}

/* The order of restriction is that of the array types. */
static size_t restriction(u32 type)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(types) && types[i] != type)
		i++;
	return i;
}

/* A random map of units of the given size, and its picture; 0 is a hole. */
static void draw(struct mem_map *m, u32 *picture, u32 ranges, u64 unit)
{
	memset(m, 0, sizeof(*m));
	memset(picture, 0, UNITS * sizeof(*picture));
	for (u32 n = 0; n < ranges; n++) {
		u32 base = (u32)rnd_below(UNITS), size = (u32)rnd_below(UNITS - base);
		u32 type = types[rnd_below(rnd_below(2) ? 1 : ARRAY_SIZE(types))];

		assert_true(mem_map_add(m, base * unit, size * unit, type));
		for (u32 i = base; i < base + size; i++) {
			if (!picture[i] || restriction(type) > restriction(picture[i]))
				picture[i] = type;
		}
	}
}

static void assert_matches(const struct mem_map *m, const u32 *picture, u64 unit)
{
	u64 ram = 0;

	assert_sane(m);
	for (u32 i = 0; i < UNITS; i++) {
		assert_int_equal(mem_map_type_at(m, i * unit), picture[i]);
		assert_int_equal(mem_map_type_at(m, i * unit + unit - 1), picture[i]);
		ram += picture[i] == E820_RAM ? unit : 0;
	}
	assert_int_equal(mem_map_type_at(m, UNITS * unit), 0);
	assert_int_equal(mem_map_ram_total(m), ram);
}

static void test_sanitize(void **state)
{
	u32 picture[UNITS];
	struct mem_map m, again;

	(void)state;
	for (u32 round = 0; round < 20000; round++) {
		draw(&m, picture, (u32)rnd_below(12), 4096);
		assert_true(mem_map_sanitize(&m));
		assert_matches(&m, picture, 4096);
		again = m;
		assert_true(mem_map_sanitize(&again));
		assert_int_equal(again.count, m.count);
	}
}

static void test_set(void **state)
{
	u32 picture[UNITS];
	struct mem_map m;

	(void)state;
	for (u32 round = 0; round < 20000; round++) {
		draw(&m, picture, (u32)rnd_below(8), 4096);
		assert_true(mem_map_sanitize(&m));
		for (u32 n = 0; n < 4; n++) {
			u32 base = (u32)rnd_below(UNITS), size = (u32)rnd_below(UNITS - base);
			u32 type = types[rnd_below(ARRAY_SIZE(types))];

			assert_true(mem_map_set(&m, base * 4096, size * 4096, type));
			for (u32 i = base; i < base + size; i++)
				picture[i] = type;
			assert_matches(&m, picture, 4096);
		}
	}
}

static bool all_ram(const u32 *picture, u64 base, u64 size)
{
	for (u64 i = base; i < base + size; i++) {
		if (i >= UNITS || picture[i] != E820_RAM)
			return false;
	}
	return true;
}

static void test_find(void **state)
{
	u32 picture[UNITS];
	struct mem_map m;

	(void)state;
	for (u32 round = 0; round < 50000; round++) {
		u64 size = rnd_below(8), align = BIT(rnd_below(4)), edge = rnd_below(UNITS + 8);
		u64 top = UINT64_MAX, bottom = UINT64_MAX, got;

		draw(&m, picture, (u32)rnd_below(12), 1);
		assert_true(mem_map_sanitize(&m));
		m.range[m.count] = (struct mem_range){0, UNITS, E820_RAM}; /* must not count */
		for (u64 base = 0; size && base < UNITS; base += align) {
			if (!all_ram(picture, base, size))
				continue;
			if (base + size <= edge)
				top = base;
			if (base >= edge && bottom == UINT64_MAX)
				bottom = base;
		}
		got = UINT64_MAX;
		assert_int_equal(mem_map_find_top(&m, size, align, edge, &got), top != UINT64_MAX);
		assert_int_equal(got, top);
		got = UINT64_MAX;
		assert_int_equal(mem_map_find_bottom(&m, size, align, edge, &got),
				 bottom != UINT64_MAX);
		assert_int_equal(got, bottom);
		assert_int_equal(mem_map_is_ram(&m, edge, size), all_ram(picture, edge, size));
	}
}

/* Ranges at and past the end of the address space are cut, and nothing wraps. */
static void test_end_of_space(void **state)
{
	struct mem_map m = {0};
	u64 base;

	(void)state;
	assert_true(mem_map_add(&m, UINT64_MAX - 4095, 8192, E820_RAM));
	assert_true(mem_map_add(&m, 0, UINT64_MAX, E820_RESERVED));
	assert_true(mem_map_add(&m, UINT64_MAX, 1, E820_RAM));
	assert_int_equal(m.count, 2);
	assert_true(mem_map_sanitize(&m));
	assert_int_equal(m.count, 1);
	assert_int_equal(m.range[0].size, UINT64_MAX);
	assert_true(mem_map_set(&m, UINT64_MAX - PAGE_1G, UINT64_MAX, E820_RAM));
	assert_sane(&m);
	assert_int_equal(m.count, 2);
	assert_true(mem_map_find_bottom(&m, 4096, 4096, 0, &base));
	assert_int_equal(base, align_up(UINT64_MAX - PAGE_1G, 4096));
	assert_false(mem_map_find_bottom(&m, 4096, PAGE_1G * 2, 0, &base));
	assert_false(mem_map_find_bottom(&m, UINT64_MAX, 4096, 0, &base));
	assert_false(mem_map_find_top(&m, UINT64_MAX, 4096, UINT64_MAX, &base));
	assert_true(mem_map_find_top(&m, 4096, 4096, UINT64_MAX, &base));
	assert_int_equal(base, align_down(UINT64_MAX - 4096, 4096));
}

/* A full map refuses and stays as it was; what has to be split may be one range too many. */
static void test_full(void **state)
{
	static struct mem_map m, before;

	(void)state;
	for (u32 i = 0; i < MEM_MAP_MAX; i++)
		assert_true(mem_map_add(&m, i * 0x2000, 0x1000, E820_RAM));
	assert_false(mem_map_add(&m, 0x1000000, 0x1000, E820_RAM));
	assert_true(mem_map_add(&m, 0x1000000, 0, E820_RAM));
	assert_true(mem_map_sanitize(&m));
	before = m;
	assert_false(mem_map_set(&m, 0x400, 0x400, E820_RESERVED));
	assert_memory_equal(&m, &before, sizeof(m));
	assert_true(mem_map_set(&m, 0, 0x1000, E820_RESERVED));
	assert_int_equal(m.count, MEM_MAP_MAX);
	m.range[5] = (struct mem_range){0, 0x80000, E820_RESERVED};
	m.range[6] = (struct mem_range){0x100, 0x40, E820_BAD};
	m.range[7] = (struct mem_range){0x200, 0x40, E820_BAD};
	assert_true(mem_map_sanitize(&m));
	for (u32 i = 0; i < MEM_MAP_MAX; i++)
		m.range[i] = (struct mem_range){i * 0x2000, 0x1000, E820_BAD};
	m.count = MEM_MAP_MAX;
	m.range[0] = (struct mem_range){0, 0x1000000, E820_RAM};
	before = m;
	assert_false(mem_map_sanitize(&m));
	assert_memory_equal(&m, &before, sizeof(m));
}

static void test_bios_figures(void **state)
{
	static const struct {
		u64 base, size;
		u16 kib, blocks, e88;
	} cases[] = {
		{0, MiB(1), 0, 0, 0},
		{MiB(1), KiB(5), 5, 0, 5},
		{MiB(1), KiB(5) + 1023, 5, 0, 5},
		{MiB(1), MiB(15), 0x3c00, 0, 0x3c00},
		{MiB(1), MiB(15) + KiB(64), 0x3c00, 1, 0x3c40},
		{MiB(1), MiB(63), 0x3c00, 768, 0xfc00},
		{MiB(1), MiB(64), 0x3c00, 784, 0xfc00},
		{MiB(1), GiB(8), 0x3c00, 0xff00, 0xfc00},
		{MiB(2), GiB(1), 0, 0x3f20, 0},
		{MiB(16), MiB(16), 0, 256, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mem_map m = {0};
		u16 kib, blocks;

		assert_true(mem_map_add(&m, cases[i].base, cases[i].size, E820_RAM));
		mem_map_e801(&m, &kib, &blocks);
		assert_int_equal(kib, cases[i].kib);
		assert_int_equal(blocks, cases[i].blocks);
		assert_int_equal(mem_map_e88(&m), cases[i].e88);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sanitize), cmocka_unit_test(test_set),
		cmocka_unit_test(test_find),	 cmocka_unit_test(test_end_of_space),
		cmocka_unit_test(test_full),	 cmocka_unit_test(test_bios_figures),
	};

	return RUN_SEEDED(tests);
}
