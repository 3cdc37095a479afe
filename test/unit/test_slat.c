/* SPDX-License-Identifier: MIT */
/*
 * The second-level page tables, built in a fake physical memory and walked as the CPU would. slat.c
 * is included whole, so that each test can start it afresh; the entries are the real EPT ones.
 */
#include "unit.h"
#include "mtrr_type.h"
#include "core/slat.c"
#include "vmx/vmx.h"

#define ARENA_PAGES 2048u
#define ARENA_BASE  0x30000000ULL
#define PHYS_BITS   40u

struct vmx_caps vmx_caps; /* vmx_ept.c wants it; no test flushes */

static u8 arena[ARENA_PAGES * 4096] __attribute__((aligned(4096)));
static u64 arena_used, arena_limit;

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

struct walk {
	u64 entry;
	u32 level; /* of the leaf, or of the entry that ends the walk */
};

/* By the manual's bits, not by the format's functions ("Intel SDM vol. 3C", 29.3.2). */
static struct walk walk(u64 gpa)
{
	const u64 *table = phys_ptr(slat_root().v);

	for (u32 level = 4;; level--) {
		u64 e = table[(gpa >> (12 + 9 * (level - 1))) & 511];

		if (level == 1 || (e & 0x80) || !(e & 7))
			return (struct walk){e, level};
		assert_int_equal(e & 0xfff, 7);
		table = phys_ptr(e & 0xffffffffff000ULL);
	}
}

static u64 size_of(u32 level)
{
	return 4096ULL << (9 * (level - 1));
}

struct machine {
	struct mtrr_state mtrr;
	u64 ram_top, hidden, hidden_size, trapped, read_only;
	bool has_1g;
};

/* Firmware's usual picture: all write-back but for VGA and the hole below 4 GiB. */
static struct machine usual(u64 ram_top)
{
	struct machine m = {
		.mtrr = {.cap = 0x508, .def_type = 0xc06}, .ram_top = ram_top, .has_1g = true};

	memset(m.mtrr.fixed, MTRR_WB, sizeof(m.mtrr.fixed));
	m.mtrr.fixed[2] = 0;
	m.mtrr.base[0] = 0xc0000000;
	m.mtrr.mask[0] = 0xffc0000800;
	return m;
}

static void start(const struct machine *m, u64 pages)
{
	memset(&slat, 0, sizeof(slat));
	arena_used = 0;
	arena_limit = pages;
	ept_format.has_1g = m->has_1g;
	assert_true(slat_init(&ept_format, &m->mtrr, m->ram_top, PHYS_BITS) == OK);
}

/* One address: who may do what there, of which type, by a leaf of a size that the CPU has. */
static void check(const struct machine *m, u64 gpa)
{
	struct walk w = walk(gpa);
	bool hidden = gpa - m->hidden < m->hidden_size;
	bool trapped = (m->trapped && gpa - m->trapped < PAGE_SIZE) ||
		       (m->read_only && gpa - m->read_only < PAGE_SIZE);

	if (hidden) {
		assert_int_equal(w.entry & 7, 0);
		return;
	}
	assert_int_equal(w.entry & 7, trapped ? 5 : 7);
	assert_true(w.level <= (m->has_1g ? 3 : 2));
	assert_int_equal((w.entry >> 7) & 1, w.level > 1);
	assert_int_equal(w.entry & 0xffffffffff000ULL, gpa & ~(size_of(w.level) - 1));
	assert_int_equal((w.entry >> 3) & 7, mtrr_type_at(&m->mtrr, gpa, PHYS_BITS));
	assert_int_equal(w.entry & 0xfff0000000000f40ULL, 0);
}

static void check_around(const struct machine *m, u64 gpa, u64 top)
{
	for (u64 at = gpa - 2; at != gpa + 2; at++) {
		if (at < top)
			check(m, at);
	}
}

static void check_all(const struct machine *m)
{
	u64 top = align_up(m->ram_top < GiB(4) ? GiB(4) : m->ram_top, PAGE_1G);

	for (u64 gpa = 0; gpa < MiB(3); gpa += PAGE_SIZE)
		check(m, gpa);
	for (u64 gpa = 0; gpa < top; gpa += PAGE_1G / 4)
		check_around(m, gpa, top);
	check_around(m, m->hidden, top);
	check_around(m, m->hidden + m->hidden_size, top);
	check_around(m, m->trapped, top);
	check_around(m, m->trapped + PAGE_SIZE, top);
	for (u32 i = 0; i < 8; i++) {
		u64 base = m->mtrr.base[i] & ~0xfffULL;

		check_around(m, base, top);
		check_around(
			m, base + (~m->mtrr.mask[i] & (BIT(PHYS_BITS) - 1) & ~0xfffULL) + PAGE_SIZE,
			top);
	}
	for (u32 i = 0; i < 500; i++)
		check(m, rnd_below(top));
	assert_int_equal(walk(top).entry, 0);
}

static void test_usual_machines(void **state)
{
	static const u64 tops[] = {MiB(512), GiB(1), GiB(4), MiB(4608), GiB(5), GiB(64)};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		struct machine m = usual(tops[i]);

		start(&m, 8);
		check_all(&m);
		/* root, decoy, one level 3 table, and what splits the first GiB for VGA: 2 MiB and
		 * 4 KiB */
		assert_int_equal(arena_used, 5);
		m.hidden = MiB(500);
		m.hidden_size = MiB(3) + KiB(8);
		assert_true(slat_hide(m.hidden, m.hidden_size) == OK);
		check_all(&m);
		m.trapped = 0xfed00000;
		arena_limit = 16;
		slat_trap_writes(m.trapped, true);
		check_all(&m);
		slat_trap_writes(0xfee00000, true); /* a second one, then that alone */
		check(&m, m.trapped);
		m.trapped = 0xfee00000;
		check(&m, m.trapped);
		slat_trap_writes(0xfed00000, false);
		check_all(&m);
		check(&m, 0xfed00000);
		m.trapped = 0;
		slat_trap_writes(0xfee00000, false);
		slat_trap_writes(0xfee00000, false);
		check_all(&m);
	}
}

/* What is hidden lies in two GiB; what differs is the fixed ranges, so that nothing else is split.
 */
static void test_hidden_across(void **state)
{
	struct machine m = usual(GiB(2));

	(void)state;
	m.mtrr.def_type = 0x806;
	start(&m, 16);
	assert_int_equal(arena_used, 3);
	check_all(&m);
	m.hidden = GiB(1) - PAGE_SIZE;
	m.hidden_size = 2 * PAGE_SIZE;
	assert_true(slat_hide(m.hidden, m.hidden_size) == OK);
	assert_int_equal(arena_used, 7);
	check_all(&m);
	check(&m, GiB(1) - PAGE_SIZE - 1);
	check(&m, GiB(1));
	check(&m, GiB(1) + PAGE_SIZE);
}

static void test_without_1g_leaves(void **state)
{
	struct machine m = usual(GiB(5));

	(void)state;
	m.has_1g = false;
	start(&m, 64);
	check_all(&m);
	assert_int_equal(arena_used, 9); /* as above, and a table for each of four GiB more */
}

static void random_mtrrs(struct mtrr_state *s)
{
	static const u8 types[] = {MTRR_UC, MTRR_WC, MTRR_WT, MTRR_WP, MTRR_WB};

	memset(s, 0, sizeof(*s));
	s->cap = 0x508;
	s->def_type = types[rnd_below(5)] | (rnd_below(8) ? 0x800 : 0) | (rnd_below(2) ? 0x400 : 0);
	for (u32 i = 0; i < MTRR_FIXED_COUNT; i++)
		s->fixed[i] = rnd_below(2) ? 0x0606060606060606 : types[rnd_below(5)];
	for (u32 i = 0; i < 8; i++) {
		u64 size = BIT(12 + rnd_below(22));

		s->base[i] = (rnd_below(GiB(8)) & ~(size - 1)) | types[rnd_below(5)];
		s->mask[i] = ((BIT(PHYS_BITS) - 1) & ~(size - 1)) | (rnd_below(4) ? 0x800 : 0);
	}
}

/* One machine lives through many changes; after each all must be as if built so. */
static void test_changes(void **state)
{
	(void)state;
	for (u32 round = 0; round < 12; round++) {
		struct machine m = usual(GiB(1 + rnd_below(8)));

		m.has_1g = rnd_below(2);
		start(&m, ARENA_PAGES);
		m.hidden = align_down(MiB(64) + rnd_below(MiB(400)), PAGE_SIZE);
		m.hidden_size = PAGE_SIZE * (1 + rnd_below(1024));
		assert_true(slat_hide(m.hidden, m.hidden_size) == OK);
		for (u32 change = 0; change < 8; change++) {
			if (rnd_below(3)) {
				random_mtrrs(&m.mtrr);
				slat_set_mtrr(&m.mtrr);
			} else {
				u64 page = align_down(GiB(1) + rnd_below(GiB(3)), PAGE_SIZE);

				slat_trap_writes(m.trapped ? m.trapped : page, !m.trapped);
				m.trapped = m.trapped ? 0 : page;
			}
			check_all(&m);
		}
	}
}

/* Writing the MTRRs again and again must not use up the memory for tables. */
static void test_no_leak(void **state)
{
	struct machine m = usual(GiB(4)), other = m;
	u64 used;

	(void)state;
	other.mtrr.base[1] = MiB(600) | MTRR_UC;
	other.mtrr.mask[1] = 0xfffffff800;
	start(&m, ARENA_PAGES);
	slat_set_mtrr(&other.mtrr);
	check_all(&other);
	used = arena_used;
	for (u32 i = 0; i < 100; i++) {
		slat_set_mtrr(&m.mtrr);
		check_all(&m);
		slat_set_mtrr(&other.mtrr);
	}
	assert_int_equal(arena_used, used);
}

static void test_decoy(void **state)
{
	struct machine m = usual(GiB(1));
	struct walk w;

	(void)state;
	m.hidden = MiB(500);
	m.hidden_size = MiB(4);
	start(&m, 64);
	assert_true(slat_hide(m.hidden, m.hidden_size) == OK);
	assert_false(slat_decoy(m.hidden - 1));
	assert_false(slat_decoy(m.hidden + m.hidden_size));
	assert_true(slat_decoy(m.hidden + MiB(2) + 0x5123));
	w = walk(m.hidden + MiB(2) + 0x5000);
	assert_int_equal(w.level, 1);
	assert_int_equal(w.entry & 0xfff, 0x37); /* RWX, WB */
	assert_true(phys_ptr(w.entry & ~0xfffULL) == slat.decoy);
	check(&m, m.hidden + MiB(2) + 0x4fff);
	check(&m, m.hidden + MiB(2) + 0x6000);
	for (u32 i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(((u8 *)slat.decoy)[i], 0xff);
}

static void test_missing(void **state)
{
	struct machine m = usual(GiB(4));

	(void)state;
	start(&m, 64);
	assert_int_equal(walk(GiB(600)).entry, 0);
	assert_true(slat_map_missing(GiB(600) + 0x12345));
	check(&m, GiB(600));
	check(&m, GiB(601) - 1);
	assert_int_equal(walk(GiB(601)).entry, 0);
	assert_false(slat_map_missing(BIT(PHYS_BITS)));
	assert_false(slat_map_missing(UINT64_MAX));
	assert_true(slat_map_missing(BIT(PHYS_BITS) - 1));
	check(&m, BIT(PHYS_BITS) - 1);
	m.mtrr.def_type = 0xc00; /* what was mapped late follows the MTRRs too */
	slat_set_mtrr(&m.mtrr);
	check(&m, GiB(600));
	check(&m, BIT(PHYS_BITS) - 1);
	check_all(&m);
	slat.phys_bits = 52; /* four levels reach no farther than 48 bits */
	assert_true(slat_map_missing(BIT(48) - 1));
	assert_false(slat_map_missing(BIT(48)));
}

/* The page below 1 MiB stays as it is while the trap comes, moves and goes. */
static void test_write_protect(void **state)
{
	struct machine m = usual(GiB(2));

	(void)state;
	m.read_only = KiB(636);
	start(&m, 16);
	assert_true(slat_write_protect(m.read_only) == OK);
	check_all(&m);
	m.trapped = 0xfee00000;
	slat_trap_writes(m.trapped, true);
	check_all(&m);
	random_mtrrs(&m.mtrr);
	slat_set_mtrr(&m.mtrr);
	check(&m, m.read_only);
	check(&m, m.read_only - 1);
	check(&m, m.read_only + PAGE_SIZE);
	m.trapped = 0;
	slat_trap_writes(0xfee00000, false);
	check(&m, m.read_only);
	check(&m, 0xfee00000);
}

/* Where there is no page to split a range with, it is mapped whole and uncached, never wrong. */
static void check_coarse(const struct machine *m, u64 from, u64 to)
{
	for (u64 gpa = from; gpa < to; gpa += PAGE_2M / 2) {
		struct walk w = walk(gpa);

		if ((w.entry & 0x38) == MTRR_UC << 3)
			assert_int_equal(w.entry & 0xffffffffff007ULL,
					 (gpa & ~(size_of(w.level) - 1)) | 7);
		else
			check(m, gpa);
	}
}

/* Three pages are the least for 5 GiB; with five all is exact. */
static void test_too_little_memory(void **state)
{
	struct machine m = usual(GiB(5));

	(void)state;
	for (u64 pages = 0; pages < 5; pages++) {
		memset(&slat, 0, sizeof(slat));
		arena_used = 0;
		arena_limit = pages;
		ept_format.has_1g = true;
		if (slat_init(&ept_format, &m.mtrr, m.ram_top, PHYS_BITS) == OK) {
			assert_true(pages >= 3);
			check_coarse(&m, 0, GiB(1));
			for (u64 gpa = GiB(1); gpa < GiB(5); gpa += PAGE_2M)
				check(&m, gpa);
		} else {
			assert_true(pages < 3);
		}
	}
	start(&m, 5);
	assert_non_null(slat_hide(MiB(500), PAGE_SIZE));
	assert_false(slat_map_missing(GiB(600)));
	assert_int_equal(walk(GiB(600)).entry, 0);
	check(&m, GiB(2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usual_machines),	  cmocka_unit_test(test_hidden_across),
		cmocka_unit_test(test_without_1g_leaves), cmocka_unit_test(test_changes),
		cmocka_unit_test(test_no_leak),		  cmocka_unit_test(test_decoy),
		cmocka_unit_test(test_missing),		  cmocka_unit_test(test_write_protect),
		cmocka_unit_test(test_too_little_memory),
	};

	return RUN_SEEDED(tests);
}
