/* SPDX-License-Identifier: MIT */
/* Accesses to CR0 and CR4 that exit: ask the model, then make its answer real. */
#include "core/cr.h"

#include "core/core.h"
#include "core/exit_handlers.h"
#include "hv/gmem.h"
#include "hv/hypapp.h"
#include "x86/cpuid.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"
#include "x86/seg.h"

static u64 cr4_allowed, cr4_fixed;

u64 cr_watched[CRM_CRS];

u64 cr4_supported(void)
{
	u32 leaves = cpuid(0, 0).eax;
	struct cpuid one = cpuid(1, 0), none = {0, 0, 0, 0};
	struct cpuid seven = leaves >= 7 ? cpuid(7, 0) : none;
	const u32 words[CRM_CPUID_WORDS] = {
		[CRM_CPUID_1_ECX] = one.ecx,
		[CRM_CPUID_1_EDX] = one.edx,
		[CRM_CPUID_7_EBX] = seven.ebx,
		[CRM_CPUID_7_ECX] = seven.ecx,
		[CRM_CPUID_7_EDX] = seven.edx,
		[CRM_CPUID_7_1_EAX] = seven.eax ? cpuid(7, 1).eax : 0,
	};

	return crm_cr4_by_cpuid(words);
}

void cr_init(void)
{
	cr4_allowed = cr4_supported() & ~crm_class(CRM_CR4, CRM_HIDDEN) &
		      ~backend->cr_limits(CRM_CR4).must0;
	cr4_fixed = machine.opt.quirk == OPT_QUIRK_SHOW ? backend->cr_limits(CRM_CR4).must1 : 0;
}

static struct crm_cr get(struct vcpu *v, enum crm_name name)
{
	enum cpu_reg r = name == CRM_CR0 ? REG_CR0 : REG_CR4;
	struct crm_cr c = {backend->state_get(v, r), backend->state_get(v, r + 1),
			   backend->state_get(v, r + 2)};

	/* AMD-V carries a task switch out by itself, which sets TS in the real register; SMM's
	 * code, which exits on QEMU, comes and goes with its own mode */
	if (name == CRM_CR0 && backend->vendor == CRM_AMD)
		c.shadow = (c.shadow & ~CR0_BY_SMI) | (c.hw & (CR0_BY_SMI | CR0_TS));
	return c;
}

static void set(struct vcpu *v, enum crm_name name, const struct crm_cr *c)
{
	backend->state_set(v, name == CRM_CR0 ? REG_CR0 : REG_CR4, c->hw);
	backend->state_set(v, name == CRM_CR0 ? REG_CR0_SHADOW : REG_CR4_SHADOW, c->shadow);
	backend->state_set(v, name == CRM_CR0 ? REG_CR0_OWNED : REG_CR4_OWNED, c->owned);
	cr_judge_set(v, name, c);
}

u64 guest_cr(struct vcpu *v, enum crm_name name)
{
	struct crm_cr c = get(v, name);

	return crm_read(&c);
}

struct crm_cpu cr_model(struct vcpu *v)
{
	u64 tr = backend->state_get(v, REG_SEG(SEG_TR, SEG_AR));
	struct crm_cpu cpu = {
		.vendor = backend->vendor,
		.cr3 = backend->state_get(v, REG_CR3),
		.efer = backend->state_get(v, REG_EFER),
		.cr4_allowed = cr4_allowed,
		.cr4_fixed = cr4_fixed,
		.phys_bits = machine.phys_bits,
		.cpl = (u8)guest_cpl(v),
		.cs_l = backend->state_get(v, REG_SEG(SEG_CS, SEG_AR)) & SEG_AR_L,
		.tss16 = SEG_AR_TYPE(tr) == SEG_AR_TYPE_TSS16BUSY,
	};

	for (enum crm_name n = CRM_CR0; n < CRM_CRS; n++) {
		cpu.cr[n] = get(v, n);
		cpu.limits[n] = backend->cr_limits(n);
		cpu.intercepts[n] = crm_svm_intercepts(n, &cpu.cr[n]);
	}
	return cpu;
}

static u64 *gpr_of(struct vcpu *v, u8 gpr, u64 *rsp)
{
	*rsp = backend->state_get(v, REG_RSP);
	return gpr == GPR_RSP ? rsp : &v->gpr[gpr];
}

static struct crm_insn insn_of(struct vcpu *v, const struct exit *x)
{
	static const enum crm_op op[] = {
		[CR_MOV_TO] = CRM_MOV_TO,
		[CR_MOV_FROM] = CRM_MOV_FROM,
		[CR_CLTS] = CRM_CLTS,
		[CR_LMSW] = CRM_LMSW,
	};
	struct crm_insn i = {.op = op[x->cr.access], .cr = x->cr.cr};
	u64 rsp;

	if (x->cr.access == CR_MOV_TO)
		i.value = *gpr_of(v, x->cr.gpr, &rsp);
	else if (x->cr.access == CR_LMSW)
		i.value = x->cr.lmsw;
	return i;
}

bool cr_load_pdptes(struct vcpu *v, u64 cr3)
{
	u64 pdpte[4];

	if (backend->vendor == CRM_AMD) /* they are read when they are used */
		return true;
	if (!gmem_read_phys(cr3 & 0xffffffe0, pdpte, sizeof(pdpte)) ||
	    !crm_pdptes_valid(pdpte, machine.phys_bits))
		return false;
	for (u32 i = 0; i < 4; i++)
		backend->state_set(v, REG_PDPTE0 + i, pdpte[i]);
	return true;
}

static void read_done(struct vcpu *v, const struct exit *x, u64 value)
{
	u64 rsp;

	*gpr_of(v, x->cr.gpr, &rsp) = value;
	backend->state_set(v, REG_RSP, rsp);
}

/* The effects come after the change. */
static void write_done(struct vcpu *v, const struct exit *x, const struct crm_result *r)
{
	u64 efer = backend->state_get(v, REG_EFER);

	if (x->cr.cr == 3)
		backend->state_set(v, REG_CR3, r->value);
	else
		set(v, x->cr.cr == 4 ? CRM_CR4 : CRM_CR0, &r->next);
	if (r->effects & CRM_LMA_SET)
		backend->state_set(v, REG_EFER, efer | EFER_LMA);
	if (r->effects & CRM_LMA_CLEAR)
		backend->state_set(v, REG_EFER, efer & ~EFER_LMA);
	if (r->effects & (CRM_TLB_ALL | CRM_TLB_PCID))
		backend->tlb_flush(v, false);
}

/* A hypapp does not want this change of what the guest reads. */
static bool refused(struct vcpu *v, const struct exit *x, const struct crm_cpu *cpu,
		    const struct crm_result *r)
{
	struct cr_change c = {.cr = x->cr.cr == 4 ? CRM_CR4 : CRM_CR0};

	c.old = crm_read(&cpu->cr[c.cr]);
	c.new = crm_read(&r->next);
	return x->cr.access != CR_MOV_FROM && x->cr.cr != 3 && c.old != c.new &&
	       !hypapps_on_cr(v, &c);
}

/*
 * Whoever is at fault, the exit is done as any other: what the guest gets is what the bare machine
 * would have given it, but for bits that it writes only because the platform showed them to it.
 */
enum exit_answer exit_cr(struct vcpu *v, const struct exit *x)
{
	struct crm_cpu cpu = cr_model(v);
	struct crm_insn i = insn_of(v, x);
	struct crm_result r = crm_emulate(&cpu, &i);
	struct cr_case judged;
	u64 cr3;

	i.value ^= cr_judge(v, x, &cpu, &i, &r, &judged);
	if (judged.dropped)
		r = crm_emulate(&cpu, &i);
	cr3 = x->cr.cr == 3 ? r.value : cpu.cr3;
	if (r.verdict == CRM_OK && refused(v, x, &cpu, &r))
		r.verdict = CRM_GP;
	if (r.verdict == CRM_OK && (r.effects & CRM_PDPTE) && !cr_load_pdptes(v, cr3))
		r.verdict = CRM_GP;
	cr_log(v, x, &judged, &r);
	if (r.verdict != CRM_OK)
		return r.verdict == CRM_UD ? inject_ud(v) : inject_gp(v);
	if (x->cr.access == CR_MOV_FROM)
		read_done(v, x, r.value);
	else
		write_done(v, x, &r);
	return EXIT_ADVANCE;
}

/* The register with this view, and the wished bits owned besides those that must be. */
static void make(struct vcpu *v, enum crm_name name, u64 view)
{
	const struct cr_wish *wish = &machine.opt.cr_own[name][v->index];
	struct crm_cpu cpu = {.cr4_allowed = cr4_allowed};
	struct crm_cr c;
	u64 minimum;

	cpu.limits[name] = backend->cr_limits(name);
	minimum = wish->forced_only ? cpu.limits[name].must1 : crm_minimum(&cpu, name);
	minimum |= cpu.limits[name].unjudged;
	view |= name == CRM_CR4 ? cr4_fixed : 0;
	c = crm_make(&cpu.limits[name], view, wish->mask | minimum | cr_watched[name]);
	set(v, name, &c);
}

/* The first shadow is what the guest would have read natively. */
void cr_reset(struct vcpu *v, u64 cr0, u64 cr4)
{
	make(v, CRM_CR0, cr0);
	make(v, CRM_CR4, cr4);
}

void cr_again(struct vcpu *v, enum crm_name name)
{
	make(v, name, guest_cr(v, name));
}

void cr_own(struct vcpu *v, enum crm_name name, u64 mask)
{
	machine.opt.cr_own[name][v->index] = (struct cr_wish){.mask = mask};
	cr_again(v, name);
}
