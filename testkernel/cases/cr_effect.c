/* SPDX-License-Identifier: MIT */
/* The bits of CR0 and CR4 do what they say, not only read back. */
#include "testkernel/bits.h"
#include "testkernel/exec.h"
#include "testkernel/features.h"
#include "testkernel/page.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/cr.h"

#define RFLAGS_AC BIT(18)

enum { SLOT = 0 }; /* page of the window */

static void expect_vector(u32 cpl, const struct snippet *s, u32 due, const char *what)
{
	u32 v = exec_acd(cpl, s, 0, 0, 0);

	check(v == due, "%s: vector %u, not %u", what, v, due);
}

static void fpu_bits(void *unused)
{
	u64 start = read_cr0();

	(void)unused;
	write_cr0(start | CR0_TS);
	expect_vector(0, &snip_fninit, VECTOR_NM, "x87 with TS");
	expect_vector(3, &snip_fninit, VECTOR_NM, "x87 at CPL 3 with TS");
	expect_vector(0, &snip_clts, VEC_DONE, "CLTS");
	expect_vector(0, &snip_fninit, VEC_DONE, "x87 after CLTS");
	write_cr0(start | CR0_EM);
	expect_vector(0, &snip_fninit, VECTOR_NM, "x87 with EM");
	write_cr0(start);
	expect_vector(0, &snip_fninit, VEC_DONE, "x87");
}

static void store_to(u64 va, u32 due)
{
	struct exec e = {.f.gpr[RDI] = va};

	exec(&e, 0, &snip_store32);
	check(e.f.vector == due && (due != VECTOR_PF || e.cr2 == va), "CR0 %lx: vector %u, CR2 %lx",
	      read_cr0(), (u32)e.f.vector, e.cr2);
}

static void write_protect(void *unused)
{
	u64 start = read_cr0();
	u64 va = window_map(SLOT, (uintptr_t)this_cpu()->data, PTE_P);

	(void)unused;
	store_to(va, VECTOR_PF);
	write_cr0(start & ~CR0_WP);
	store_to(va, VEC_DONE);
	write_cr0(start);
	store_to(va, VECTOR_PF);
	window_map(SLOT, 0, 0);
}

static void alignment(void *unused)
{
	u64 start = read_cr0();

	(void)unused;
	for (u32 turn = 0; turn < 4; turn++) {
		bool am = turn & 1, ac = turn & 2;
		u32 due = am && ac ? VECTOR_AC : VEC_DONE;
		struct exec e = {.f.rflags = ac ? RFLAGS_AC : 0};

		write_cr0(am ? start | CR0_AM : start & ~CR0_AM);
		e.f.gpr[RSI] = exec_data(3) + 1;
		exec(&e, 3, &snip_load32);
		check(e.f.vector == due || quirk_took(TCG_NO_ALIGNMENT_CHECK,
						      due == VECTOR_AC && e.f.vector == VEC_DONE),
		      "AM %u AC %u: vector %u", am, ac, (u32)e.f.vector);
	}
	write_cr0(start);
}

static void cr4_effects(void *unused)
{
	u64 start = read_cr4(), allowed = cr4_allowed();

	(void)unused;
	write_cr4(start | CR4_TSD);
	expect_vector(3, &snip_rdtsc, VECTOR_GP, "RDTSC at CPL 3 with TSD");
	expect_vector(0, &snip_rdtsc, VEC_DONE, "RDTSC at CPL 0 with TSD");
	write_cr4(start & ~CR4_TSD);
	expect_vector(3, &snip_rdtsc, VEC_DONE, "RDTSC at CPL 3");
	if (allowed & CR4_FSGSBASE) {
		write_cr4(start | CR4_FSGSBASE);
		expect_vector(3, &snip_rdfsbase, VEC_DONE, "RDFSBASE with FSGSBASE");
		write_cr4(start & ~CR4_FSGSBASE);
		expect_vector(3, &snip_rdfsbase, VECTOR_UD, "RDFSBASE without FSGSBASE");
	}
	write_cr4(start);
}

/* SMEP and SMAP: CPL 0 and a page of CPL 3. */
static void user_pages(void *unused)
{
	u64 start = read_cr4(), allowed = cr4_allowed();
	struct exec e;

	(void)unused;
	for (u32 on = 0; on < 2; on++) {
		u64 bits = on ? allowed & (CR4_SMEP | CR4_SMAP) : 0;

		write_cr4((start & ~(CR4_SMEP | CR4_SMAP)) | bits);
		e = (struct exec){.f.gpr[RSI] = exec_data(3)};
		exec(&e, 0, &snip_load32);
		check(e.f.vector == (bits & CR4_SMAP ? VECTOR_PF : VEC_DONE),
		      "CR4 %lx: read of a user page, vector %u", read_cr4(), (u32)e.f.vector);
		e = (struct exec){.f.gpr[RSI] = exec_data(3)};
		exec(&e, 0, &snip_jump);
		check(bits & CR4_SMEP ? e.f.vector == VECTOR_PF && e.cr2 == exec_data(3)
				      : e.f.vector == VEC_DONE,
		      "CR4 %lx: jump to a user page, vector %u, CR2 %lx", read_cr4(),
		      (u32)e.f.vector, e.cr2);
	}
	write_cr4(start);
}

static void user_pages_with_code(void *unused)
{
	u8 *p = this_cpu()->data;

	p[0] = 0xcd; /* INT VEC_DONE */
	p[1] = VEC_DONE;
	user_pages(unused);
}

void cr_effects(void)
{
	on_each_cpu(fpu_bits, NULL);
	tap("TS and EM make x87 instructions #NM");
	on_each_cpu(write_protect, NULL);
	tap("WP protects read-only pages from CPL 0");
	on_each_cpu(alignment, NULL);
	tap("AM and RFLAGS.AC make unaligned access at CPL 3 #AC");
	on_each_cpu(cr4_effects, NULL);
	tap("TSD and FSGSBASE do what they say");
	on_each_cpu(user_pages_with_code, NULL);
	tap("SMEP and SMAP do what they say");
}
