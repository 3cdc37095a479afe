/* SPDX-License-Identifier: MIT */
/* The tables that IOMMUs translate by, and when devices are said to be kept out, with the units
 * played by the test. */
#include "unit.h"
#include "core/core.h"
#include "core/page.h"
#include "core/serial.h"
#include "core/slat.h"
#include "iommu/iommu.h"

#define ARENA_PAGES 64u
#define ARENA_BASE  0x10000000ULL
#define HV_BASE	    0x7fc00000ULL
#define LOW_PAGE    0x9f000ULL
#define LEAF	    BIT(7)

struct machine machine;

static u8 arena[ARENA_PAGES * PAGE_SIZE] __attribute__((aligned(4096)));
static u64 arena_used, arena_limit;
static char said[200];
static u8 table[64];
static u32 unit_count, unit_levels, enabled, protected_pages;
static bool unit_1g, has_table, mute;
static u64 the_root;

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

const void *phys_map(u64 pa, size_t len)
{
	(void)pa;
	(void)len;
	return NULL;
}

void say(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	vsnprintf(said, sizeof(said), f, ap);
	va_end(ap);
}

err_t slat_write_protect(u64 base)
{
	assert_int_equal(base % PAGE_SIZE, 0);
	protected_pages++;
	return OK;
}

const char *acpi_table_find(const u8 rsdp[ACPI_RSDP_BYTES], phys_map_fn map, const char *signature,
			    const u8 **out, u32 *size)
{
	(void)rsdp;
	(void)map;
	*out = has_table && !strcmp(signature, "TEST") ? table : NULL;
	*size = sizeof(table);
	return *out ? NULL : "none";
}

const char *acpi_iommus(const u8 *t, u32 size, struct acpi_iommus *out)
{
	assert_ptr_equal(t, table);
	assert_int_equal(size, sizeof(table));
	out->count = unit_count;
	for (u32 i = 0; i < unit_count; i++)
		out->base[i] = 0xfed90000 + i * 0x1000;
	return unit_count ? NULL : "no unit";
}

static u64 leaf(u64 hpa, u32 rights, u32 level)
{
	return hpa | rights | (level > 1 ? LEAF : 0);
}

static u64 to_table(u64 hpa, u32 level)
{
	(void)level;
	return hpa | SLAT_READ | SLAT_WRITE;
}

/* The second unit can do less. */
static err_t probe(u64 unit, u32 *levels, bool *has_1g)
{
	*levels = unit == 0xfed90000 ? 4 : unit_levels;
	*has_1g = unit == 0xfed90000 || unit_1g;
	return OK;
}

static err_t enable(u64 unit, u64 root, u32 levels)
{
	assert_int_equal(levels, unit_count > 1 ? unit_levels : 4);
	assert_int_equal(unit, 0xfed90000 + enabled * 0x1000);
	the_root = root;
	enabled += !mute;
	return mute ? "it does not answer" : OK;
}

static u64 last_register(u64 unit)
{
	(void)unit;
	return 0x1fff;
}

static void report(u64 unit, emit_fn emit)
{
	(void)unit;
	emit("one");
}

static const struct iommu_format format = {leaf, to_table};

const struct iommu_driver amdvi_driver = {.signature = "NONE"};
const struct iommu_driver vtd_driver = {"test", "TEST",	       2,     &format, probe,
					enable, last_register, report};

static u32 reports;

static void count_line(const char *line)
{
	(void)line;
	reports++;
}

/* What the tables make of an address: the entry, whose address must be its own. */
static u32 rights_at(u64 at, u32 levels)
{
	const u64 *t = (const u64 *)(arena + (the_root - ARENA_BASE));

	for (u32 level = levels;; level--) {
		u64 span = 1ULL << (12 + 9 * (level - 1));
		u64 e = t[at / span % 512];

		if (!e)
			return 0;
		if (level == 1 || (e & LEAF)) {
			assert_int_equal(e & 0xffffffffff000ULL, at & ~(span - 1));
			assert_true(level < 3 || unit_1g || unit_count == 1);
			return e & (SLAT_READ | SLAT_WRITE);
		}
		t = (const u64 *)(arena + ((e & 0xffffffffff000ULL) - ARENA_BASE));
	}
}

static void start(u32 count, u32 levels, bool large, u64 pages)
{
	machine = (struct machine){.hv_base = HV_BASE,
				   .hv_size = MiB(2),
				   .low_base = LOW_PAGE,
				   .low_size = PAGE_SIZE,
				   .ram_top = GiB(5)};
	machine.opt.iommu = 1;
	unit_count = count;
	unit_levels = levels;
	unit_1g = large;
	arena_used = enabled = protected_pages = reports = 0;
	arena_limit = pages;
	has_table = true;
	mute = false;
	memcpy(table, "TEST", 5);
	table[9] = 7;
	iommu_protect();
}

static void check_rights(u32 levels)
{
	for (u64 at = 0; at < MiB(4); at += PAGE_SIZE)
		assert_int_equal(rights_at(at, levels), at == LOW_PAGE ? 1 : 3);
	for (u64 at = HV_BASE - MiB(4); at < HV_BASE + MiB(8); at += PAGE_SIZE)
		assert_int_equal(rights_at(at, levels),
				 at >= HV_BASE && at < HV_BASE + MiB(2) ? 0 : 3);
	for (u64 at = MiB(4); at < GiB(5); at += MiB(2))
		assert_int_equal(rights_at(at, levels), at == HV_BASE ? 0 : 3);
	assert_int_equal(rights_at(GiB(4) - 1, levels), 3);
	for (u64 at = 0xfed80000; at < 0xfeda0000; at += PAGE_SIZE)
		assert_int_equal(rights_at(at, levels),
				 at - 0xfed90000 < 0x2000 + (unit_count - 1) * 0x1000 ? 0 : 3);
}

static void test_tables(void **state)
{
	(void)state;
	for (u32 levels = 3; levels <= 4; levels++) {
		for (u32 large = 0; large < 2; large++) {
			start(2, levels, large, ARENA_PAGES);
			assert_non_null(strstr(said, "test, 2 units: devices cannot write"));
			assert_int_equal(enabled, 2);
			assert_int_equal(protected_pages, 4);
			check_rights(levels);
			assert_true(arena_used < (large ? 10 : 15));
		}
	}
	start(1, 3, false, ARENA_PAGES);
	check_rights(4);
	assert_int_equal(table[0], '-');
	assert_int_equal((u8)(table[0] + table[9]), (u8)('T' + 7));
	iommu_report(count_line);
	assert_int_equal(reports, 1);
}

static void test_failures(void **state)
{
	(void)state;
	start(1, 4, true, 3);
	assert_non_null(strstr(said, "warning: test: too little memory; devices can write"));
	assert_int_equal(enabled, 0);
	assert_int_equal(table[0], 'T');
	iommu_report(count_line);
	assert_int_equal(reports, 0);
	start(0, 4, true, ARENA_PAGES);
	assert_non_null(strstr(said, "warning: test: no unit; devices can write"));
	start(1, 4, true, ARENA_PAGES);
	mute = true;
	enabled = 0;
	memcpy(table, "TEST", 5);
	iommu_protect();
	assert_non_null(strstr(said, "it does not answer; devices can write"));
	assert_int_equal(table[0], 'T');
	has_table = false;
	iommu_protect();
	assert_string_equal(said, "no IOMMU is used: devices can write to Lamina's memory");
	iommu_report(count_line);
	assert_int_equal(reports, 0);
	has_table = true;
	machine.opt.iommu = 0;
	iommu_protect();
	assert_string_equal(said, "no IOMMU is used: devices can write to Lamina's memory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_failures),
	};

	return RUN(tests);
}
