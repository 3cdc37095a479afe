/* SPDX-License-Identifier: MIT */
/*
 * Paging switched off and on, and between its modes, on every CPU: the sequences that operating
 * systems go through at start (Intel SDM vol. 3A, 4.1.2 and 4.4.1).
 */
#include "testkernel/cpu.h"
#include "testkernel/features.h"
#include "testkernel/legacy.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/cr.h"
#include "x86/msr.h"

#define MARK 0xfeedc0deu

/* Fills an array of operations from its start. */
struct list {
	struct op *ops;
	u32 n;
};

static struct op *add(struct list *l, u32 kind, u64 value)
{
	struct op *o = &l->ops[l->n++];

	*o = (struct op){.kind = kind, .value = (u32)value};
	return o;
}

static void run(struct list *l)
{
	add(l, OP_END, 0);
	legacy_run(l->ops);
}

static void no_faults(const struct list *l, const char *what)
{
	for (u32 i = 0; i < l->n; i++)
		check(!l->ops[i].vector, "%s: operation %u: vector %u", what, i, l->ops[i].vector);
}

static u32 *mark(void)
{
	u32 *p = (u32 *)this_cpu()->data;

	*p = MARK;
	return p;
}

/* Leaves long mode for unpaged 32-bit mode. */
static void leave(struct list *l, u32 cr0)
{
	add(l, OP_WRITE_CR0, cr0 & ~CR0_PG);
	add(l, OP_WRITE_EFER, rdmsr(MSR_EFER) & ~(EFER_LME | EFER_LMA));
}

/* Long mode is switched off and on by PG alone, LME staying set. */
static void pg_toggles(void *unused)
{
	struct op ops[40];
	struct list l = {ops, 0};
	u32 cr0 = (u32)read_cr0(), cr4 = (u32)read_cr4(), efer = (u32)rdmsr(MSR_EFER);
	u64 after;

	(void)unused;
	for (u32 i = 0; i < 3; i++) {
		add(&l, OP_WRITE_CR0, cr0 & ~CR0_PG);
		add(&l, OP_READ_CR0, 0);
		add(&l, OP_READ_CR4, 0);
		add(&l, OP_READ_EFER, 0);
		add(&l, OP_WRITE_CR4, cr4 | CR4_PSE);
		add(&l, OP_READ_CR4, 0);
		add(&l, OP_WRITE_CR0, cr0);
		add(&l, OP_READ_CR0, 0);
		add(&l, OP_READ_EFER, 0);
		add(&l, OP_WRITE_CR4, cr4);
	}
	run(&l);
	no_faults(&l, "PG toggle");
	for (u32 i = 0; i < 3; i++) {
		const struct op *o = &ops[i * 10];

		check(o[1].result == (cr0 & ~CR0_PG), "PG=0: CR0 is %x", o[1].result);
		check(o[2].result == cr4, "PG=0: CR4 is %x, not %x", o[2].result, cr4);
		check(o[3].result == (efer & ~EFER_LMA), "PG=0: EFER is %x", o[3].result);
		check(o[5].result == (cr4 | CR4_PSE), "PG=0: CR4 is %x, PSE set", o[5].result);
		check(o[7].result == cr0, "PG=1: CR0 is %x", o[7].result);
		check(o[8].result == efer, "PG=1: EFER is %x", o[8].result);
	}
	after = rdmsr(MSR_EFER);
	check(read_cr0() == cr0 && read_cr4() == cr4 && after == efer, "after: %lx %lx %lx",
	      read_cr0(), read_cr4(), after);
}

/* 32-bit paging: PG off, PSE set, PG on, as 32-bit systems do on each CPU; with NE set and clear.
 */
static void pse_sequence(void *unused)
{
	struct op ops[40];
	struct list l = {ops, 0};
	u32 cr0 = (u32)read_cr0(), cr4 = (u32)(CR4_DE);
	struct op *load, *cr4_off, *cr4_pse, *cr0_on;

	(void)unused;
	leave(&l, cr0);
	add(&l, OP_WRITE_CR4, cr4 | CR4_PSE);
	add(&l, OP_WRITE_CR3, legacy_pd());
	for (u32 i = 0; i < 2; i++) {
		u32 v = i ? cr0 & ~CR0_NE : cr0;

		add(&l, OP_WRITE_CR0, v);
		load = add(&l, OP_LOAD, (uintptr_t)mark());
		add(&l, OP_WRITE_CR0, v & ~CR0_PG);
		add(&l, OP_WRITE_CR4, cr4);
		cr4_off = add(&l, OP_READ_CR4, 0);
		add(&l, OP_WRITE_CR4, cr4 | CR4_PSE);
		cr4_pse = add(&l, OP_READ_CR4, 0);
		add(&l, OP_WRITE_CR0, v);
		cr0_on = add(&l, OP_READ_CR0, 0);
	}
	run(&l);
	no_faults(&l, "PSE sequence");
	check(load->result == MARK, "read %x through 4 MiB pages", load->result);
	check(cr4_off->result == cr4, "CR4 is %x, not %x", cr4_off->result, cr4);
	check(cr4_pse->result == (cr4 | CR4_PSE), "CR4 is %x with PSE set", cr4_pse->result);
	check(cr0_on->result == (cr0 & ~CR0_NE), "CR0 is %x with NE clear", cr0_on->result);
}

/* PAE on with good PDPTEs: they are loaded by MOV to CR0 and CR3, and only then. */
static void pae_good(void *unused)
{
	struct op ops[40];
	struct list l = {ops, 0};
	u32 cr0 = (u32)read_cr0(), at = (u32)(uintptr_t)mark();
	u64 *pdpt = legacy_pdpt();
	u32 pdpt_at = (u32)(uintptr_t)pdpt;
	struct op *low, *high, *stale, *fresh;

	(void)unused;
	pdpt[2] = pdpt[0]; /* linear 2 GiB is physical 0 */
	leave(&l, cr0);
	add(&l, OP_WRITE_CR3, pdpt_at);
	add(&l, OP_WRITE_CR4, CR4_PAE);
	add(&l, OP_WRITE_CR0, cr0);
	low = add(&l, OP_LOAD, at);
	high = add(&l, OP_LOAD, 0x80000000u + at);
	add(&l, OP_STORE, pdpt_at + 16); /* PDPTE 2 absent, in memory only */
	stale = add(&l, OP_LOAD, 0x80000000u + at);
	add(&l, OP_WRITE_CR3, pdpt_at);
	fresh = add(&l, OP_LOAD, 0x80000000u + at);
	run(&l);
	check(low->result == MARK && !low->vector, "PDPTE 0: %x, vector %u", low->result,
	      low->vector);
	check(high->result == MARK && !high->vector, "PDPTE 2: %x, vector %u", high->result,
	      high->vector);
	check(stale->result == MARK && !stale->vector, "PDPTE 2 before MOV to CR3: %x, vector %u",
	      stale->result, stale->vector);
	check(fresh->vector == VECTOR_PF, "PDPTE 2 after MOV to CR3: %x, vector %u", fresh->result,
	      fresh->vector);
}

/* There is no #GP, and the register is as written. */
static bool no_loads(bool is)
{
	return quirk_took(TCG_NO_PDPTE_LOADS, is) || quirk_took(SVM_NO_PDPTE_LOADS, is);
}

/* A reserved bit in a PDPTE: MOV to CR0, CR3 or CR4 that would load it is #GP, nothing changes. */
static void pae_bad(void *unused)
{
	struct op ops[40];
	struct list l = {ops, 0};
	u32 cr0 = (u32)read_cr0(), good = (u32)(uintptr_t)legacy_pdpt();
	struct op *on, *cr0_off, *cr3, *cr3_is, *pge, *cr4_is, *cd, *cr0_is, *alive;
	static u64 bad[MAX_CPUS][4] __attribute__((aligned(32)));
	u64 *b = bad[this_cpu()->index];
	u32 bad_at = (u32)(uintptr_t)b, at = (u32)(uintptr_t)mark();

	(void)unused;
	for (u32 i = 0; i < 4; i++)
		b[i] = legacy_pdpt()[i];
	b[3] |= BIT(5);
	leave(&l, cr0);
	add(&l, OP_WRITE_CR4, CR4_PAE);
	add(&l, OP_WRITE_CR3, bad_at);
	on = add(&l, OP_WRITE_CR0, cr0 ^ CR0_NE);
	cr0_off = add(&l, OP_READ_CR0, 0);
	add(&l, OP_WRITE_CR3, good);
	add(&l, OP_WRITE_CR0, cr0);
	cr3 = add(&l, OP_WRITE_CR3, bad_at);
	cr3_is = add(&l, OP_READ_CR3, 0);
	pge = add(&l, OP_WRITE_CR4, CR4_PAE | CR4_PGE);
	cr4_is = add(&l, OP_READ_CR4, 0);
	cd = add(&l, OP_WRITE_CR0, cr0 | CR0_CD);
	cr0_is = add(&l, OP_READ_CR0, 0);
	alive = add(&l, OP_LOAD, at);
	run(&l);
	check((on->vector == VECTOR_GP && cr0_off->result == (cr0 & ~CR0_PG)) ||
		      no_loads(!on->vector && cr0_off->result == (cr0 ^ (u32)CR0_NE)),
	      "PG := 1: vector %u, CR0 %x", on->vector, cr0_off->result);
	check((cr3->vector == VECTOR_GP && cr3_is->result == good) ||
		      no_loads(!cr3->vector && cr3_is->result == bad_at),
	      "CR3: vector %u, CR3 %x", cr3->vector, cr3_is->result);
	check(!pge->vector && cr4_is->result == (CR4_PAE | CR4_PGE), "PGE: vector %u, CR4 %x",
	      pge->vector, cr4_is->result);
	check(!cd->vector && cr0_is->result == (cr0 | CR0_CD), "CD: vector %u, CR0 %x", cd->vector,
	      cr0_is->result);
	check(alive->result == MARK && !alive->vector, "read %x, vector %u", alive->result,
	      alive->vector);
}

/* LMSW, CLTS and SMSW without paging, and LMSW that must not clear PE. */
static void unpaged_lmsw(void *unused)
{
	struct op ops[16];
	struct list l = {ops, 0};
	u32 cr0 = (u32)read_cr0() & ~(u32)(CR0_PG | CR0_NE);
	struct op *after_lmsw, *after_clts, *smsw;

	(void)unused;
	leave(&l, cr0);
	add(&l, OP_LMSW, 0xfffe);
	after_lmsw = add(&l, OP_READ_CR0, 0);
	add(&l, OP_CLTS, 0);
	after_clts = add(&l, OP_READ_CR0, 0);
	add(&l, OP_LMSW, 0);
	smsw = add(&l, OP_SMSW, 0);
	run(&l);
	no_faults(&l, "unpaged LMSW");
	check(after_lmsw->result == (cr0 | CR0_MP | CR0_EM | CR0_TS), "LMSW FFFEh: CR0 %x",
	      after_lmsw->result);
	check(after_clts->result == (cr0 | CR0_MP | CR0_EM), "CLTS: CR0 %x", after_clts->result);
	check(smsw->result == (cr0 & ~(u32)(CR0_MP | CR0_EM | CR0_TS)), "LMSW 0: CR0 %x",
	      smsw->result);
}

void cr_paging(void)
{
	on_each_cpu(pg_toggles, NULL);
	tap("PG off and on takes long mode off and on, CR4 and EFER read right between");
	on_each_cpu(pse_sequence, NULL);
	tap("32-bit paging: PG off, PSE set, PG on, with NE set and clear");
	on_each_cpu(pae_good, NULL);
	tap("PAE paging: PDPTEs are loaded by MOV to CR0 and CR3 and not before");
	on_each_cpu(pae_bad, NULL);
	tap("PAE paging: a bad PDPTE makes MOV to CR0 or CR3 #GP and changes nothing");
	on_each_cpu(unpaged_lmsw, NULL);
	tap("LMSW, CLTS and SMSW without paging");
}
