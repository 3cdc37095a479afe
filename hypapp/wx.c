/* SPDX-License-Identifier: MIT */
/*
 * wx: what the guest's kernel executes it cannot write, and what it does not execute it cannot come
 * to execute. Which pages are code is learnt once, from the kernel's own page tables; the rights
 * are then those of the second-level tables, which the kernel cannot change.
 *
 * These rights are by page, not by CPL. So all RAM but the kernel's code loses the right to
 * execute, and a page regains it, for good, when a program at CPL 3 first executes it.
 */
#include <stdatomic.h>

#include "hv/console.h"
#include "hv/gmem.h"
#include "hv/hypapp.h"
#include "hv/hypercall.h"
#include "hv/rights.h"
#include "hv/world.h"
#include "lib/fmt.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "x86/seg.h"

#define ENTRIES 512

#define TABLES_MAX 0x40000  /* tables read, lest a guest's loop of them keep Lamina */
#define CODE_MIN   64	    /* pages; a kernel has more, its entry code alone (as with KPTI) less */
#define AGAIN	   0x100000 /* ticks until the next attempt to learn */
#define FIRST_MAX  16

static bool refuse; /* else violations are let through, each page's first is seen */
static u64 due;	    /* TSC tick of CPU 0 at which to learn; 0: when the guest asks */
static _Atomic u32 learnt, code_pages, given, writes, executions;
static u64 learnt_at; /* TSC ticks */

/* The first violations, for the report. */
static struct {
	u32 cpu, access;
	u64 gpa, rip, cr3;
} first[FIRST_MAX];

/* What one walk of the kernel's tables keeps; one CPU learns at a time, with the others stopped. */
static struct {
	u64 table[5][ENTRIES];
	u32 tables;
	u32 code;
} walk;

static bool is_code(u64 entry, bool user)
{
	return (entry & PTE_P) && !(entry & PTE_NX) && !user;
}

/* Pages that the leaf of this level maps are code. */
static void mark(u64 entry, u32 level)
{
	u64 size = PAGE_SIZE << 9 * (level - 1);
	u64 base = entry & PTE_ADDR & ~(size - 1);

	for (u64 at = 0; at < size; at += PAGE_SIZE) {
		if (slat_map_get(base + at) != PAGE_DATA) /* seen before, or no RAM */
			continue;
		slat_map_set(base + at, PAGE_CODE);
		walk.code++;
	}
}

/* A table of this level, from its `from`-th entry; `user`: all entries on the way have U (Intel SDM
 * vol. 3A, 4.6; AMD APM vol. 2, 5.6). */
static bool learn(u64 table, u32 level, u32 from, bool user)
{
	u64 *t = walk.table[level - 1];

	if (++walk.tables > TABLES_MAX)
		return false;
	if (!gmem_read_phys(table & PTE_ADDR, t, sizeof(walk.table[0])))
		return true; /* what is no memory maps nothing */
	for (u32 i = from; i < ENTRIES; i++) {
		bool leaf = level == 1 || (level <= 3 && (t[i] & PTE_PS));
		bool u = user && (t[i] & PTE_U);

		if (!is_code(t[i], leaf && u))
			continue;
		if (leaf)
			mark(t[i], level);
		else if (!learn(t[i], level - 1, 0, u))
			return false;
	}
	return true;
}

/* The kernel's half of the tables of CR3. */
static bool learn_kernel(struct vcpu *v)
{
	u32 levels = backend->state_get(v, REG_CR4) & CR4_LA57 ? 5 : 4;

	walk.tables = walk.code = 0;
	slat_map_fill(PAGE_DATA);
	if (learn(backend->state_get(v, REG_CR3), levels, ENTRIES / 2, true) &&
	    walk.code >= CODE_MIN)
		return true;
	slat_map_fill(PAGE_OPEN);
	return false;
}

static u32 cpl(struct vcpu *v)
{
	return SEG_AR_DPL(backend->state_get(v, REG_SEG(SEG_SS, SEG_AR)));
}

/* False: this is no 64-bit kernel with NX, or has not come far enough. */
static bool start(struct vcpu *v)
{
	u64 efer = backend->state_get(v, REG_EFER);
	bool ok;

	if (cpl(v) || !(efer & EFER_LMA) || !(efer & EFER_NXE))
		return false;
	world_stop(v);
	ok = !atomic_load(&learnt) && learn_kernel(v);
	if (ok) {
		learnt_at = rdtsc();
		atomic_store(&code_pages, walk.code);
		atomic_store(&learnt, 1);
		hypapp_want(BIT(EXIT_SLAT));
	}
	world_go(v);
	return ok && slat_map_apply(v);
}

static u64 wx_pages(void)
{
	return slat_map_needs();
}

static err_t wx_init(u32 cpus)
{
	(void)cpus;
	refuse = hypapp_option_is("hypapp.wx.action", "refuse");
	hypapp_option_number("hypapp.wx.after", &due);
	return slat_map_init() ? OK : "too little memory for hypapp wx";
}

static void wx_on_start(struct vcpu *v)
{
	if (due && v->is_bsp) {
		due += rdtsc();
		timer_set(v, due);
	}
}

static void wx_on_timer(struct vcpu *v)
{
	u64 now = rdtsc();

	if (!due || !v->is_bsp || now < due)
		return;
	due = 0;
	if (!atomic_load(&learnt) && !start(v)) {
		due = now + AGAIN;
		timer_set(v, due);
	}
}

/* The page has all rights from now on. */
static enum exit_answer give(struct vcpu *v, u64 gpa)
{
	return slat_map_give(v, gpa) ? EXIT_RETRY : EXIT_PASS;
}

static enum exit_answer violation(struct vcpu *v, const struct exit *x, u32 access)
{
	u32 n = atomic_fetch_add(access == SLAT_WRITE ? &writes : &executions, 1) +
		atomic_load(access == SLAT_WRITE ? &executions : &writes);
	u64 cr3 = backend->state_get(v, REG_CR3);

	trace_event(v, TRACE_WX, access | (refuse ? BIT(8) : 0), x->slat.gpa.v, x->rip, cr3);
	if (n < FIRST_MAX) {
		first[n].cpu = v->index;
		first[n].access = access;
		first[n].gpa = x->slat.gpa.v;
		first[n].rip = x->rip;
		first[n].cr3 = cr3;
	}
	if (!refuse)
		return give(v, x->slat.gpa.v);
	return inject_gp(v);
}

static enum exit_answer wx_on_exit(struct vcpu *v, const struct exit *x)
{
	u32 access = x->kind == EXIT_SLAT ? x->slat.access : 0;
	enum page_state s;

	if (!access || x->slat.misconfigured || !atomic_load(&learnt))
		return EXIT_PASS;
	s = slat_map_get(x->slat.gpa.v);
	if (s == PAGE_CODE && (access & SLAT_WRITE))
		return violation(v, x, SLAT_WRITE);
	if (s == PAGE_DATA && (access & SLAT_EXEC)) {
		if (cpl(v) != 3)
			return violation(v, x, SLAT_EXEC);
		atomic_fetch_add(&given, 1);
		return give(v, x->slat.gpa.v);
	}
	if (s == PAGE_GIVEN) /* by another CPU; this one has the old translation */
		backend->tlb_flush(v, true);
	return EXIT_PASS;
}

static enum exit_answer wx_hypercall(struct vcpu *v, u32 number)
{
	bool ask = (u32)v->gpr[GPR_RCX];

	if (number != HC_WX)
		return EXIT_PASS;
	v->gpr[GPR_RAX] = ask && !atomic_load(&learnt) && !start(v) ? HC_ERANGE : 0;
	v->gpr[GPR_RBX] = atomic_load(&code_pages);
	v->gpr[GPR_RCX] = atomic_load(&writes);
	v->gpr[GPR_RDX] = atomic_load(&executions);
	return EXIT_ADVANCE;
}

static void wx_report(emit_fn emit)
{
	u32 w = atomic_load(&writes), e = atomic_load(&executions);
	char line[140];

	if (!atomic_load(&learnt)) {
		emit("wx: nothing learnt");
		return;
	}
	fmt(line, sizeof(line),
	    "wx: %u pages of code learnt at tick %" FMT64 "u, %u given to programs; %u writes and "
	    "%u executions %s",
	    atomic_load(&code_pages), learnt_at, atomic_load(&given), w, e,
	    refuse ? "refused" : "logged");
	emit(line);
	for (u32 i = 0; i < w + e && i < FIRST_MAX; i++) {
		fmt(line, sizeof(line),
		    "wx: cpu%u: %s of %" FMT64 "x, RIP %" FMT64 "x, CR3 %" FMT64 "x", first[i].cpu,
		    first[i].access == SLAT_WRITE ? "write" : "execution", first[i].gpa,
		    first[i].rip, first[i].cr3);
		emit(line);
	}
}

const struct hypapp wx_hypapp = {
	.name = "wx",
	.hypercalls = HC_NS(5),
	.pages = wx_pages,
	.init = wx_init,
	.on_exit = wx_on_exit,
	.on_start = wx_on_start,
	.on_timer = wx_on_timer,
	.hypercall = wx_hypercall,
	.report = wx_report,
};
