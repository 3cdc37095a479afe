/* SPDX-License-Identifier: MIT */
/*
 * Walks of the guest's page tables in every paging mode: one mapping at a time is built from the
 * manual's tables ("Intel SDM vol. 3A", chapter 4) amid garbage, then broken at each level in turn.
 */
#include "unit.h"
#include "core/core.h"
#include "hv/gmem.h"
#include "core/page.h"
#include "core/slat_tables.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "x86/seg.h"

#define MEM_PAGES 64u
#define MEM_BYTES (MEM_PAGES * 4096u)

struct machine machine;
const struct backend *backend;

static u8 mem[MEM_BYTES]; /* guest-physical memory from 0, and again and again up to 2 MiB */
static u64 regs[REG_COUNT];
static struct vcpu vcpu;

const void *phys_map(u64 pa, size_t len)
{
	return pa <= MiB(2) && len <= MEM_BYTES - pa % MEM_BYTES ? mem + pa % MEM_BYTES : NULL;
}

void *phys_ptr(u64 pa)
{
	return mem + pa % MEM_BYTES;
}

static u32 refused_rights; /* of the page at 3000h, by a hypapp */

bool slat_closes = true;
u32 slat_refused_in(u64 page)
{
	return page == 0x3000 ? refused_rights : 0;
}

static u64 state_get(struct vcpu *v, enum cpu_reg r)
{
	(void)v;
	return regs[r];
}

static const struct backend fake_backend = {.state_get = state_get};

static void restart(void)
{
	memset(&machine, 0, sizeof(machine));
	memset(regs, 0, sizeof(regs));
	backend = &fake_backend;
	assert_true(mem_map_add(&machine.boot.map, 0, MEM_BYTES - 4096, E820_RAM));
	regs[REG_CR0] = CR0_PE;
	regs[REG_CR4] = 0;
	for (u32 i = 0; i < MEM_BYTES; i++)
		mem[i] = (u8)rnd();
}

/* A way of paging: how a linear address splits, and which levels may end in a page. */
struct paging {
	u32 levels;
	u32 entry_bytes;
	u8 shift[5]; /* of the index into each table, from the top */
	u8 bits[5];  /* of that index */
	bool large[5];
	u64 cr4;
	u64 efer;
	u64 linear_mask;
};

static const struct paging modes[] = {
	{2, 4, {22, 12}, {10, 10}, {false}, 0, 0, UINT32_MAX},
	{2, 4, {22, 12}, {10, 10}, {true, false}, CR4_PSE, 0, UINT32_MAX},
	/* PAE: the four entries of the top table are registers */
	{3, 8, {30, 21, 12}, {2, 9, 9}, {false, true, false}, CR4_PAE, 0, UINT32_MAX},
	{4,
	 8,
	 {39, 30, 21, 12},
	 {9, 9, 9, 9},
	 {false, true, true, false},
	 CR4_PAE,
	 EFER_LME | EFER_LMA,
	 UINT64_MAX},
	{5,
	 8,
	 {48, 39, 30, 21, 12},
	 {9, 9, 9, 9, 9},
	 {false, false, true, true, false},
	 CR4_PAE | CR4_LA57,
	 EFER_LME | EFER_LMA,
	 UINT64_MAX},
};

struct mapping {
	u64 linear, gpa;
	u32 levels;	 /* that the walk goes through */
	u32 entry_at[5]; /* where each entry lies in mem; not for PAE's top */
};

static void put_entry(u32 at, u64 e, u32 bytes)
{
	memcpy(mem + at, &e, bytes);
}

/* A frame number as an entry of that size has it; PSE keeps address bits 39:32 in bits 20:13. */
static u64 leaf_entry(const struct paging *p, u64 gpa, bool large)
{
	if (p->entry_bytes == 8 || !large)
		return gpa;
	return (gpa & 0xffc00000) | (gpa >> 32 & 0xff) << 13;
}

static u64 random_frame(const struct paging *p, bool large, u32 shift)
{
	u64 limit = p->entry_bytes == 8 ? BIT(52) : large ? BIT(40) : BIT(32);

	return rnd_below(limit) & ~(BIT(shift) - 1);
}

/* Bits that no walk may mind: A, D, G, U, W, PCD, PWT, the software's, NX; and PAT in a large page.
 */
static u64 noise(const struct paging *p, bool large)
{
	u64 n = rnd() & (0xf7e & ~PTE_PS);

	if (large)
		n |= rnd() & BIT(12);
	return p->entry_bytes == 8 ? n | (rnd() & PTE_NX) : n;
}

static bool pae(const struct paging *p)
{
	return p->levels == 3;
}

static void build(const struct paging *p, struct mapping *m)
{
	u32 first = 1 + (u32)rnd_below(MEM_PAGES - 8), table = first * 4096;

	m->linear = rnd() & p->linear_mask;
	m->levels = 0;
	regs[REG_CR0] = CR0_PE | CR0_PG;
	regs[REG_CR4] = p->cr4;
	regs[REG_EFER] = p->efer;
	regs[REG_CR3] = table | (rnd() & 0x18);
	for (u32 level = 0; level < p->levels; level++) {
		u64 index = m->linear >> p->shift[level] & (BIT(p->bits[level]) - 1);
		bool large = p->large[level] && rnd_below(2);
		bool last = large || level == p->levels - 1;
		u64 e = noise(p, large) | PTE_P | (large ? PTE_PS : 0);

		if (level == p->levels - 1)
			e |= rnd() & PTE_PS; /* there it is the PAT bit */
		table += 4096;
		m->gpa = random_frame(p, large, p->shift[level]);
		e |= last ? leaf_entry(p, m->gpa, large) : table;
		if (!p->large[level] && !last && p->entry_bytes == 4 && !(p->cr4 & CR4_PSE))
			e |= rnd() & PTE_PS; /* without PSE nobody looks at it */
		m->entry_at[level] = table - 4096 + (u32)index * p->entry_bytes;
		m->levels++;
		if (pae(p) && !level)
			regs[REG_PDPTE0 + index] = e & ~(PTE_NX | PTE_PS);
		else
			put_entry(m->entry_at[level], e, p->entry_bytes);
		if (last) {
			m->gpa |= m->linear & (BIT(p->shift[level]) - 1);
			return;
		}
	}
}

static void test_walk(void **state)
{
	(void)state;
	for (u32 round = 0; round < 400; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
			struct mapping m;
			u64 gpa = 0;

			if (i == 3)
				continue; /* LME alone, until LMA is set, is checked by test_modes
					   */
			restart();
			build(&modes[i], &m);
			assert_true(gmem_walk(&vcpu, m.linear, &gpa));
			assert_int_equal(gpa, m.gpa);
			for (u32 level = m.levels; level-- > 0;) {
				if (pae(&modes[i]) && !level)
					regs[REG_PDPTE0 + (m.linear >> 30 & 3)] &= ~PTE_P;
				else
					mem[m.entry_at[level]] &= ~(u8)PTE_P;
				assert_false(gmem_walk(&vcpu, m.linear, &gpa));
			}
		}
	}
}

static void test_unpaged(void **state)
{
	u64 gpa;

	(void)state;
	restart();
	assert_true(gmem_walk(&vcpu, 0x123456789abc, &gpa));
	assert_int_equal(gpa, 0x56789abc);
}

/* Tables outside the guest's memory, or in ours, are none. */
static void test_tables_out_of_reach(void **state)
{
	struct mapping m;
	u64 gpa;

	(void)state;
	for (u32 round = 0; round < 200; round++) {
		restart();
		build(&modes[3], &m);
		assert_true(gmem_walk(&vcpu, m.linear, &gpa));
		machine.hv_base = m.entry_at[m.levels - 1] & ~4095u;
		machine.hv_size = 4096;
		assert_false(gmem_walk(&vcpu, m.linear, &gpa));
		machine.hv_size = 0;
		put_entry(m.entry_at[0], MiB(1) | PTE_P, 8); /* in no range of the map */
		assert_false(gmem_walk(&vcpu, m.linear, &gpa));
		put_entry(m.entry_at[0], 0xa0000 | PTE_P, 8); /* video memory */
		assert_false(gmem_walk(&vcpu, m.linear, &gpa));
		put_entry(m.entry_at[0], BIT(51) | PTE_P, 8);
		assert_false(gmem_walk(&vcpu, m.linear, &gpa));
	}
}

static void test_read_phys(void **state)
{
	u8 out[16] = {0};

	(void)state;
	restart();
	machine.hv_base = 0x3000;
	machine.hv_size = 0x1000;
	assert_true(gmem_read_phys(0x2ff0, out, 16));
	assert_memory_equal(out, mem + 0x2ff0, 16);
	assert_false(gmem_read_phys(0x2ff1, out, 16));
	assert_false(gmem_read_phys(0x3fff, out, 1));
	assert_true(gmem_read_phys(0x4000, out, 16));
	/* below 1 MiB all is memory but the video's; above, what the map says */
	assert_true(gmem_read_phys(0x9fff0, out, 16));
	assert_false(gmem_read_phys(0x9fff1, out, 16));
	assert_false(gmem_read_phys(0xbfff0, out, 16));
	assert_true(gmem_read_phys(0xffff0, out, 16));
	assert_false(gmem_read_phys(0xffff8, out, 16));
	assert_false(gmem_read_phys(MiB(1), out, 16));
	assert_true(mem_map_add(&machine.boot.map, MiB(1), 4096, E820_RAM));
	assert_true(gmem_read_phys(MiB(1), out, 16));
	assert_false(gmem_read_phys(MiB(1) + 4088, out, 16));
	assert_false(gmem_read_phys(UINT64_MAX - 3, out, 4));
}

/* What a hypapp keeps the guest out of, Lamina does not touch for it; what it only watches, it
 * does.
 */
static void test_closed(void **state)
{
	u64 value = 1;

	(void)state;
	restart();
	for (refused_rights = 0; refused_rights < 8; refused_rights++) {
		bool open = refused_rights != 7;

		assert_int_equal(gmem_read_phys(0x3ff8, &value, 8), open);
		assert_int_equal(gmem_write_phys(0x3000, &value, 8), open);
		assert_int_equal(gmem_read_phys(0x2ffc, &value, 8), open);
		assert_true(gmem_read_phys(0x2ff8, &value, 8));
		assert_true(gmem_write_phys(0x4000, &value, 8));
	}
	refused_rights = 0;
}

static void test_code_mode(void **state)
{
	static const struct {
		u64 ar, efer;
		enum insn_mode mode;
	} cases[] = {
		{0, 0, INSN_16},
		{SEG_AR_DB, 0, INSN_32},
		{SEG_AR_L, 0, INSN_16},
		{SEG_AR_L, EFER_LME, INSN_16},
		{SEG_AR_L, EFER_LME | EFER_LMA, INSN_64},
		{SEG_AR_DB, EFER_LME | EFER_LMA, INSN_32},
		{0, EFER_LME | EFER_LMA, INSN_16},
	};

	(void)state;
	restart();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		regs[REG_SEG(SEG_CS, SEG_AR)] = cases[i].ar;
		regs[REG_EFER] = cases[i].efer;
		assert_int_equal(gmem_code_mode(&vcpu), cases[i].mode);
	}
}

/* Code across two pages that lie apart, up to a page that is not there, and around the top of 4
 * GiB. */
static void test_fetch(void **state)
{
	u32 pde = 0x2000 | PTE_P, first = 0x5000 | PTE_P, second = 0x9000 | PTE_P;
	u8 out[15];

	(void)state;
	restart();
	regs[REG_CR0] = CR0_PE | CR0_PG;
	regs[REG_CR3] = 0x1000;
	regs[REG_SEG(SEG_CS, SEG_AR)] = SEG_AR_DB;
	regs[REG_SEG(SEG_CS, SEG_BASE)] = 0x400000;
	memset(mem + 0x1000, 0, 0x2000);
	put_entry(0x1000 + 4, pde, 4);
	put_entry(0x2000, first, 4);
	put_entry(0x2000 + 4, second, 4);
	assert_int_equal(gmem_fetch(&vcpu, 0xff8, gmem_code_mode(&vcpu), out, 15), 15);
	assert_memory_equal(out, mem + 0x5ff8, 8);
	assert_memory_equal(out + 8, mem + 0x9000, 7);
	assert_int_equal(gmem_fetch(&vcpu, 0x1ff8, gmem_code_mode(&vcpu), out, 15), 8);
	assert_memory_equal(out, mem + 0x9ff8, 8);
	assert_int_equal(gmem_fetch(&vcpu, 0x2000, gmem_code_mode(&vcpu), out, 15), 0);
	/* base + offset is cut to 32 bits */
	regs[REG_SEG(SEG_CS, SEG_BASE)] = 0x80000000;
	assert_int_equal(gmem_fetch(&vcpu, 0x80400010, gmem_code_mode(&vcpu), out, 15), 15);
	assert_memory_equal(out, mem + 0x5010, 15);
	/* real mode */
	regs[REG_CR0] = 0;
	regs[REG_SEG(SEG_CS, SEG_AR)] = 0;
	regs[REG_SEG(SEG_CS, SEG_BASE)] = 0x7c00;
	assert_int_equal(gmem_fetch(&vcpu, 3, gmem_code_mode(&vcpu), out, 15), 15);
	assert_memory_equal(out, mem + 0x7c03, 15);
}

/* 64-bit code is decoded once for as long as nothing that it depends on changes. */
static void test_insn_again(void **state)
{
	static const u8 mov[15] = {0x89, 0xb7, 0x00, 0x30,
				   0x5f, 0xff, 0xc3}; /* MOV [RDI-A0D000h], ESI */
	static const u8 cpuid[15] = {0x0f, 0xa2, 0xc3};
	const u64 linear = 0x12345000;
	struct insn i;

	(void)state;
	restart();
	regs[REG_CR0] = CR0_PE | CR0_PG;
	regs[REG_CR3] = 0x1000;
	regs[REG_CR4] = CR4_PAE;
	regs[REG_EFER] = EFER_LME | EFER_LMA;
	regs[REG_SEG(SEG_CS, SEG_AR)] = SEG_AR_L;
	memset(mem + 0x1000, 0, 0x5000);
	for (u32 level = 4; level; level--) /* tables at 1000h to 4000h, the page at 5000h */
		put_entry(0x1000 * (5 - level) + (linear >> (12 + 9 * (level - 1)) & 511) * 8,
			  0x1000 * (6 - level) | PTE_P, 8);
	memcpy(mem + 0x5000, mov, 15);
	memcpy(mem + 0x6000, cpuid, 15);
	assert_int_equal(gmem_insn(&vcpu, linear, &i), 6);
	assert_int_equal(i.op, INSN_MOV);
	assert_int_equal(i.reg.number, GPR_RSI);
	/* nothing is looked up again */
	machine.boot.map.count = 0;
	memset(&i, 0, sizeof(i));
	assert_int_equal(gmem_insn(&vcpu, linear, &i), 6);
	assert_int_equal(i.reg.number, GPR_RSI);
	assert_true(mem_map_add(&machine.boot.map, 0, MEM_BYTES - 4096, E820_RAM));
	/* the code changes, then each of its tables in turn, and changes back */
	memcpy(mem + 0x5000, cpuid, 15);
	assert_int_equal(gmem_insn(&vcpu, linear, &i), 2);
	mem[0x5000 + 14] ^= 1;
	mem[0x5000] = 0x90;
	assert_int_equal(gmem_insn(&vcpu, linear, &i), 1);
	memcpy(mem + 0x5000, mov, 15);
	for (u32 level = 4; level; level--) {
		u64 at = 0x1000 * (5 - level) + (linear >> (12 + 9 * (level - 1)) & 511) * 8;

		assert_int_equal(gmem_insn(&vcpu, linear, &i), 6);
		put_entry(at, 0x1000 * (6 - level), 8); /* not present */
		assert_int_equal(gmem_insn(&vcpu, linear, &i), 0);
		put_entry(at, 0x1000 * (6 - level) | PTE_P, 8);
	}
	assert_int_equal(gmem_insn(&vcpu, linear, &i), 6);
	put_entry(0x4000 + (linear >> 12 & 511) * 8, 0x6000 | PTE_P, 8);
	assert_int_equal(gmem_insn(&vcpu, linear, &i), 2);
	/* the registers: other tables, 32-bit code, another place */
	regs[REG_CR3] = 0x7000;
	memcpy(mem + 0x7000, mem + 0x1000, 4096);
	put_entry(0x7000 + (linear >> 39 & 511) * 8, 0, 8);
	assert_int_equal(gmem_insn(&vcpu, linear, &i), 0);
	regs[REG_CR3] = 0x1000;
	assert_int_equal(gmem_insn(&vcpu, linear, &i), 2);
	assert_int_equal(gmem_insn(&vcpu, linear + 2, &i), 1); /* RET */
	memcpy(mem + 0x6000, (const u8[]){0x48, 0x90}, 2);     /* 32-bit code: DEC EAX and NOP */
	assert_int_equal(gmem_insn(&vcpu, linear, &i), 2);
	regs[REG_SEG(SEG_CS, SEG_AR)] = SEG_AR_DB;
	assert_int_equal(gmem_insn(&vcpu, linear, &i), 1);
	regs[REG_SEG(SEG_CS, SEG_AR)] = SEG_AR_L;
	assert_int_equal(gmem_insn(&vcpu, linear, &i), 2);
	regs[REG_CR4] |= CR4_LA57;
	assert_int_equal(gmem_insn(&vcpu, linear, &i), 0);
}

/* Unpaged, across pages: what lies before a page that is not the guest's is written, the rest is
 * not. */
static void test_write(void **state)
{
	u8 in[8192], before[MEM_BYTES];

	(void)state;
	restart();
	machine.hv_base = 0x5000;
	machine.hv_size = 4096;
	machine.low_base = 0x8000;
	for (u32 i = 0; i < sizeof(in); i++)
		in[i] = (u8)rnd();
	memcpy(before, mem, sizeof(mem));
	assert_int_equal(gmem_write(&vcpu, 0x3456, in, 300), 300);
	assert_memory_equal(mem + 0x3456, in, 300);
	assert_int_equal(gmem_write(&vcpu, 0x4f00, in, 512), 256);
	assert_memory_equal(mem + 0x4f00, in, 256);
	assert_memory_equal(mem + 0x5000, before + 0x5000, 4096);
	assert_int_equal(gmem_write(&vcpu, 0x7f80, in, 512), 128);
	assert_memory_equal(mem + 0x8000, before + 0x8000, 4096);
	assert_int_equal(gmem_write(&vcpu, 0xbfff0, in, 16), 0);
	assert_int_equal(gmem_write(&vcpu, MiB(1), in, 16), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_unpaged),
		cmocka_unit_test(test_tables_out_of_reach),
		cmocka_unit_test(test_read_phys),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_insn_again),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_code_mode),
		cmocka_unit_test(test_fetch),
	};

	return RUN_SEEDED(tests);
}
