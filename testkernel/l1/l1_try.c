/* SPDX-License-Identifier: MIT */
/* Runs a case and holds what came out against the model. */
#include "testkernel/l1/l2.h"
#include "testkernel/quirks.h"
#include "testkernel/trap.h"
#include "lib/string.h"
#include "x86/insn.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define DATA_FILL 0xa5a5a5a5a5a5a5a5ULL

/* What the judging of one case needs. */
struct trial {
	const struct l1_case *c;
	struct l1_result *r;
	struct crm_cpu cpu;
	struct crm_insn insn;
	struct l2 want;
	u64 memory;    /* the operand in memory after */
	u32 length;    /* of the access, bytes */
	u32 total;     /* and of the MOV that reads back */
	u32 back;      /* its register; 16: none */
	u64 loaded[4]; /* PDPTEs in memory */
};

struct crm_insn l1_insn(const struct l1_case *c)
{
	bool mov = c->op == CRM_MOV_TO || c->op == CRM_MOV_FROM;

	return (struct crm_insn){
		.op = (enum crm_op)c->op, .cr = mov ? (u8)c->num : 0, .value = l2_operand(c)};
}

static u32 phys_bits(void)
{
	return cpuid(0x80000008, 0).eax & 0xff;
}

void l1_model(const struct l1_case *c, struct crm_cpu *cpu)
{
	struct l2 g;

	memset(cpu, 0, sizeof(*cpu));
	l1->limits(cpu);
	l2_build(c, &g);
	cpu->cr[CRM_CR0] = c->cr[CRM_CR0];
	cpu->cr[CRM_CR4] = c->cr[CRM_CR4];
	cpu->cr3 = g.cr3;
	cpu->efer = c->efer;
	l2_traps(c, cpu->intercepts);
	cpu->cr4_allowed = ~cpu->limits[CRM_CR4].must0;
	cpu->phys_bits = phys_bits();
	cpu->cpl = (u8)c->cpl;
	cpu->cs_l = c->cs_l;
	cpu->tss16 = c->tss16;
}

/* The first difference counts. */
static void same(struct trial *t, const char *what, u64 want, u64 got)
{
	if (t->r->wrong || want == got)
		return;
	t->r->wrong = what;
	t->r->want = want;
	t->r->got = got;
}

static bool is_write(const struct l1_case *c)
{
	return c->op != CRM_MOV_FROM && c->op != CRM_SMSW;
}

static bool uses_pdptes(const struct l2 *g)
{
	return (g->cr[CRM_CR0].hw & CR0_PG) && (g->cr[CRM_CR4].hw & CR4_PAE) &&
	       !(g->efer & EFER_LMA);
}

/* Registers are compared as far as the mode has them (Intel SDM vol. 1, 3.4.1.1). */
static u64 visible(const struct trial *t)
{
	return t->c->mode == L2_LONG ? ~0ULL : UINT32_MAX;
}

static void want_register(struct trial *t)
{
	u64 *reg = &t->want.gpr[t->c->gpr];
	u64 value = t->r->due.value;

	if (t->c->op == CRM_SMSW && t->c->mem)
		t->memory = (t->memory & ~0xffffULL) | (u16)value;
	else if (t->c->op == CRM_SMSW && t->c->bits == 16)
		*reg = (*reg & ~0xffffULL) | (u16)value;
	else
		*reg = value;
}

/* The guest's state after an access that neither faults nor exits. */
static void want_done(struct trial *t)
{
	const struct crm_result *due = &t->r->due;
	bool cr4 = t->c->op == CRM_MOV_TO && t->c->num == 4;

	t->want.rip += t->total;
	if (!is_write(t->c)) {
		want_register(t);
		return;
	}
	t->want.cr[cr4 ? CRM_CR4 : CRM_CR0] = due->next;
	if (t->insn.cr == 3)
		t->want.cr3 = due->value;
	if (t->back < 16)
		t->want.gpr[t->back] = due->value;
	if (due->effects & CRM_LMA_SET)
		t->want.efer |= EFER_LMA;
	if (due->effects & CRM_LMA_CLEAR)
		t->want.efer &= ~EFER_LMA;
	t->want.ia32e = t->want.efer & EFER_LMA;
	if (due->effects & CRM_PDPTE)
		memcpy(t->want.pdpte, t->loaded, sizeof(t->loaded));
}

/*
 * Bochs 2.7 loads the PDPTEs at any MOV to CR0 and LMSW under PAE paging, and at a MOV to CR4 that
 * changes one of some bits more. "If ... the instruction is modifying any of CR0.CD, CR0.NW,
 * CR0.PG, CR4.PAE, CR4.PGE, CR4.PSE, or CR4.SMEP; then the PDPTEs are loaded" (Intel SDM vol.
 * 3A, 4.4.1). Accepted where nothing of that is modified, and counted (doc/cr-platforms.md).
 */
static bool spare_reload(struct trial *t)
{
	const u64 asks[CRM_CRS] = {CR0_CD | CR0_NW | CR0_PG,
				   CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP};
	const u64 cr4_more = CR4_SMAP | CR4_PKE | CR4_CET | CR4_PKS;
	const struct l2_exit *x = &t->r->x;
	enum crm_name name = t->insn.op == CRM_MOV_TO && t->insn.cr == 4 ? CRM_CR4 : CRM_CR0;
	u64 changed = t->c->cr[name].hw ^ t->r->due.next.hw;

	if (t->cpu.vendor == CRM_AMD || t->r->due.verdict != CRM_OK || !is_write(t->c) ||
	    t->insn.op == CRM_CLTS)
		return false;
	if (t->insn.cr == 3 || !uses_pdptes(&t->want) || (changed & asks[name]))
		return false;
	if (name == CRM_CR4 && !(changed & cr4_more))
		return false;
	if (crm_pdptes_valid(t->loaded, t->cpu.phys_bits))
		return !memcmp(t->r->after.pdpte, t->loaded, sizeof(t->loaded));
	return x->kind == L2_EXCEPTION && x->vector == VECTOR_GP;
}

/* What is due: the model's answer, and what it leaves to the caller, the PDPTEs. */
static void predict(struct trial *t)
{
	struct crm_result *due = &t->r->due;

	*due = crm_execute(&t->cpu, &t->insn);
	if (due->verdict == CRM_OK && (due->effects & CRM_PDPTE) &&
	    !crm_pdptes_valid(t->loaded, t->cpu.phys_bits))
		due->verdict = CRM_GP;
}

/* Bochs 2.7 changes EFER.LMA before it finds CR0 writes intercepted (doc/cr-platforms.md). */
static void early_lma(struct trial *t)
{
	u64 changed = t->c->cr[CRM_CR0].hw ^ t->insn.value;

	if (!(changed & CR0_PG) || !(t->c->efer & EFER_LME) ||
	    t->r->after.efer != (t->want.efer ^ EFER_LMA))
		return;
	t->r->odd |= L1_EARLY_LMA;
	t->want.efer ^= EFER_LMA;
	t->want.ia32e = t->want.efer & EFER_LMA;
}

static void judge_exit(struct trial *t)
{
	const struct l2_exit *x = &t->r->x;
	struct l2_exit due = {.length = t->length,
			      .linear = t->c->mem ? l2_area(t->c) + L2_DATA : 0};

	l1->cr_exit(&t->cpu, &t->insn, (u32)t->c->gpr, &due);
	same(t, "exit kind", L2_CR, x->kind);
	same(t, "exit reason", due.reason, x->reason);
	same(t, "qualification", due.qualification, x->qualification);
	same(t, "instruction length", due.length, x->length);
	if (due.linear)
		same(t, "linear address", due.linear, x->linear);
	if (quirk_here(BOCHS_EARLY_LMA) && t->insn.op == CRM_MOV_TO && t->insn.cr == 0)
		early_lma(t);
}

/*
 * "This bit is always 0 if the VM exit occurred while the logical processor was in real-address
 * mode (CR0.PE=0)" (Intel SDM vol. 3C, 28.2.2, on the error code being there). Bochs 2.7 sets it.
 */
static void judge_fault(struct trial *t, u32 vector)
{
	const struct l2_exit *x = &t->r->x;
	bool error = vector == VECTOR_GP && (t->c->cr[CRM_CR0].hw & CR0_PE);

	same(t, "exit reason", L2_EXCEPTION, x->kind);
	same(t, "vector", vector, x->vector);
	if (!l1->tells_error)
		same(t, "error code", 0, x->error);
	else if (vector == VECTOR_GP && !error && x->has_error)
		t->r->odd |= L1_REAL_ERROR;
	else
		same(t, "error code is there", error, x->has_error);
	if (x->has_error)
		same(t, "error code", 0, x->error);
}

static void judge_state(struct trial *t)
{
	const struct l2 *want = &t->want, *got = &t->r->after;

	same(t, "RIP", want->rip, got->rip);
	same(t, "CR0", want->cr[CRM_CR0].hw, got->cr[CRM_CR0].hw);
	same(t, "CR0 shadow", want->cr[CRM_CR0].shadow, got->cr[CRM_CR0].shadow);
	same(t, "CR0 mask", want->cr[CRM_CR0].owned, got->cr[CRM_CR0].owned);
	same(t, "CR4", want->cr[CRM_CR4].hw, got->cr[CRM_CR4].hw);
	same(t, "CR4 shadow", want->cr[CRM_CR4].shadow, got->cr[CRM_CR4].shadow);
	same(t, "CR4 mask", want->cr[CRM_CR4].owned, got->cr[CRM_CR4].owned);
	same(t, "CR3", want->cr3, got->cr3);
	same(t, "EFER", want->efer, got->efer);
	same(t, "IA-32e control", want->ia32e, got->ia32e);
	if (uses_pdptes(want))
		for (u32 i = 0; i < 4; i++)
			same(t, "PDPTE", want->pdpte[i], got->pdpte[i]);
	for (u32 i = 0; i < 16; i++)
		same(t, i == t->back || i == t->c->gpr ? "value read" : "another register",
		     want->gpr[i] & visible(t), got->gpr[i] & visible(t));
	same(t, "memory", t->memory, *(u64 *)(uintptr_t)(l2_area(t->c) + L2_DATA));
}

static void judge(struct trial *t)
{
	if (spare_reload(t)) {
		t->r->odd |= L1_SPARE_RELOAD;
		if (crm_pdptes_valid(t->loaded, t->cpu.phys_bits))
			memcpy(t->want.pdpte, t->loaded, sizeof(t->loaded));
		else
			t->r->due.verdict = CRM_GP;
	}
	switch (t->r->due.verdict) {
	case CRM_EXIT: judge_exit(t); break;
	case CRM_GP: judge_fault(t, VECTOR_GP); break;
	case CRM_UD: judge_fault(t, VECTOR_UD); break;
	default: same(t, "exit reason", L2_CALL, t->r->x.kind); want_done(t);
	}
	judge_state(t);
}

void l1_try(const struct l1_case *c, struct l1_result *r)
{
	struct trial t = {.c = c, .r = r, .insn = l1_insn(c)};
	u64 *data = (u64 *)(uintptr_t)(l2_area(c) + L2_DATA);

	r->wrong = NULL;
	r->odd = 0;
	r->left_out = false;
	*data = DATA_FILL;
	l1_model(c, &t.cpu);
	t.length = l2_code(c, &t.total, &t.back);
	t.memory = *data;
	l2_build(c, &t.want);
	l2_pdptes(c, t.loaded);
	predict(&t);
	if (quirk_exits_first(&t.cpu, &t.insn, &r->due)) {
		r->due.verdict = CRM_EXIT;
		r->odd |= L1_EXIT_FIRST;
	}
	if (quirk_excludes_in_guest(&t.cpu, &t.insn, &r->due)) {
		r->left_out = true;
		return;
	}
	r->after = t.want;
	l1->run(&r->after, &r->x);
	judge(&t);
	r->value = r->after.gpr[t.back < 16 ? t.back : c->gpr] & visible(&t);
}
