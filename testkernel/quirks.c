/* SPDX-License-Identifier: MIT */
#include "testkernel/quirks.h"
#include "testkernel/acpi.h"
#include "testkernel/asm.h"
#include "testkernel/exec.h"
#include "testkernel/features.h"
#include "testkernel/lamina.h"
#include "testkernel/tap.h"
#include "lib/string.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "x86/vector.h"

/* An access of a guest of this kernel. */
struct access {
	const struct crm_cpu *cpu;
	const struct crm_insn *insn;
	const struct crm_result *due;
	u64 value, changed; /* of a write to CR0 or CR4: what is written, against the register */
};

struct quirk_entry {
	const char *name; /* as in doc/cr-platforms.md and doc/platforms.md */
	bool (*here)(void);
	/* NULL: no step */
	bool (*excludes)(const struct crm_cpu *cpu, const struct crp_step *s, u8 due);
	/* NULL: no access */
	bool (*in_guest)(const struct access *a);
	u64 pdpte_bits; /* that the platform itself sets in a PDPTE */
};

/* QEMU's own emulation says so in the hypervisor leaf, which it shows unless told not to. */
static bool on_tcg(void)
{
	struct cpuid hv = cpuid(CPUID_HV_BASE, 0);

	return (cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR) && hv.ebx == 0x54474354; /* "TCGT" */
}

/* Bochs's firmware says so; QEMU's does too, but shows that it is an emulator (or KVM). */
static bool on_bochs(void)
{
	return !memcmp(acpi.oem, "BOCHS ", sizeof(acpi.oem)) &&
	       !(cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR);
}

static bool on_bochs_amd(void)
{
	return on_bochs() && cpu_vendor() == CRM_AMD;
}

static bool on_svm(void)
{
	return lamina_amd() && !on_tcg() && lamina_here();
}

static bool on_bochs_svm(void)
{
	return on_bochs_amd() && lamina_here();
}

static bool writes(const struct crp_step *s, u8 cr)
{
	return s->kind == CRP_WRITE && s->cr == cr && s->ring == CRX_KERNEL;
}

static bool cr0_unchecked(const struct crm_cpu *cpu, const struct crp_step *s, u8 due)
{
	(void)cpu;
	return writes(s, 0) && due == VECTOR_GP;
}

static bool cr0_keeps_ignored(const struct crm_cpu *cpu, const struct crp_step *s, u8 due)
{
	(void)cpu;
	(void)due;
	return writes(s, 0) && (s->value & crm_class(CRM_CR0, CRM_IGNORED));
}

static bool cr3_unchecked(const struct crm_cpu *cpu, const struct crp_step *s, u8 due)
{
	(void)cpu;
	return writes(s, 3) && due == VECTOR_GP;
}

/* LA57 alone is checked, in 64-bit code. */
static bool cr4_unchecked(const struct crm_cpu *cpu, const struct crp_step *s, u8 due)
{
	bool la57 = (s->value ^ cpu->cr[CRM_CR4].hw) & CR4_LA57;

	return writes(s, 4) && due == VECTOR_GP &&
	       !(la57 && cpu->cs_l && !(s->value & ~cpu->cr4_allowed));
}

static bool efer_unchecked(const struct crm_cpu *cpu, const struct crp_step *s, u8 due)
{
	(void)cpu;
	return s->kind == CRP_WRITE_EFER && due == VECTOR_GP;
}

static bool cpl_before_ud(const struct crm_cpu *cpu, const struct crp_step *s, u8 due)
{
	(void)cpu;
	return s->kind <= CRP_WRITE && s->ring != CRX_KERNEL && due == VECTOR_UD;
}

static bool guest_writes(const struct access *a, u8 cr)
{
	return a->insn->op == CRM_MOV_TO && a->insn->cr == cr && a->cpu->cpl == 0;
}

/* Outside 64-bit mode, a register whose upper half is not 0, where that half counts. */
static bool upper_half(const struct access *a)
{
	bool lma = a->cpu->efer & EFER_LMA;

	if (a->insn->value == a->value || a->due->verdict == CRM_EXIT)
		return false;
	return guest_writes(a, 4) || (guest_writes(a, 3) && lma);
}

/* An exit with LME set, and neither paging nor PAE. */
static bool exits_with_lme(const struct access *a)
{
	u64 cr[CRM_CRS] = {a->cpu->cr[CRM_CR0].hw, a->cpu->cr[CRM_CR4].hw};
	bool mov = a->insn->op == CRM_MOV_TO;
	enum crm_name name = mov && a->insn->cr == 4 ? CRM_CR4 : CRM_CR0;

	if (a->due->verdict == CRM_OK && !(mov && a->insn->cr != 0 && a->insn->cr != 4))
		cr[name] = a->due->next.hw;
	return (a->cpu->efer & EFER_LME) && !(cr[CRM_CR0] & CR0_PG) && !(cr[CRM_CR4] & CR4_PAE);
}

/* LMSW that changes no more than TS and MP. */
static bool lmsw_unselective(const struct access *a)
{
	const struct crm_intercepts *t = &a->cpu->intercepts[CRM_CR0];
	u64 sets_pe = a->insn->value & ~a->cpu->cr[CRM_CR0].hw & CR0_PE;

	return a->insn->op == CRM_LMSW && a->due->verdict == CRM_EXIT && !t->write && !sets_pe &&
	       !((a->insn->value ^ a->cpu->cr[CRM_CR0].hw) & CR0_EM);
}

/* A MOV to CR0 that, TS and MP aside, differs in bits only that are not stored. */
static bool selective_stored(const struct access *a)
{
	const u64 unstored = crm_class(CRM_CR0, CRM_IGNORED) | crm_class(CRM_CR0, CRM_FIXED);

	return guest_writes(a, 0) && a->due->verdict == CRM_EXIT &&
	       !a->cpu->intercepts[CRM_CR0].write && (a->changed & unstored) &&
	       !(a->changed & ~(unstored | CR0_TS | CR0_MP));
}

static bool paged_real_mode(const struct access *a)
{
	return guest_writes(a, 0) && (a->value & (CR0_PG | CR0_PE)) == CR0_PG;
}

static bool tss16_judged(const struct access *a)
{
	return guest_writes(a, 0) && a->cpu->tss16 && (a->value & a->changed & CR0_PG) &&
	       (a->cpu->efer & EFER_LME);
}

/* CS.L and CS.D both 1, which is fine outside long mode. */
static bool cs_l_d(const struct access *a)
{
	return a->cpu->cs_l && !(a->cpu->efer & EFER_LMA);
}

static const struct quirk_entry quirks[QUIRKS] = {
	[TCG_CR0_UNCHECKED] = {"tcg-cr0-unchecked", on_tcg, .excludes = cr0_unchecked},
	[TCG_CR0_KEEPS_IGNORED] = {"tcg-cr0-keeps-ignored", on_tcg, .excludes = cr0_keeps_ignored},
	[TCG_CR3_UNCHECKED] = {"tcg-cr3-unchecked", on_tcg, .excludes = cr3_unchecked},
	[TCG_CR4_UNCHECKED] = {"tcg-cr4-unchecked", on_tcg, .excludes = cr4_unchecked},
	[TCG_CR8_UNCHECKED] = {"tcg-cr8-unchecked", on_tcg},
	[TCG_EFER_UNCHECKED] = {"tcg-efer-unchecked", on_tcg, .excludes = efer_unchecked},
	[TCG_CPL_BEFORE_UD] = {"tcg-cpl-before-ud", on_tcg, .excludes = cpl_before_ud},
	[TCG_PDPTE_ACCESSED] = {"tcg-pdpte-accessed", on_tcg, .pdpte_bits = PTE_A},
	[TCG_MSR_UNCHECKED] = {"tcg-msr-unchecked", on_tcg},
	[TCG_MTRR_UNCHECKED] = {"tcg-mtrr-unchecked", on_tcg},
	[TCG_NO_ALIGNMENT_CHECK] = {"tcg-no-alignment-check", on_tcg},
	[TCG_NO_INT1] = {"tcg-no-int1", on_tcg},
	[TCG_IDT_ERROR_CODE] = {"tcg-idt-error-code", on_tcg},
	[TCG_SS_KEEPS_NO_TRAP] = {"tcg-ss-keeps-no-trap", on_tcg},
	[TCG_NO_PDPTE_LOADS] = {"tcg-no-pdpte-loads", on_tcg},
	[TCG_NO_LIMIT_CHECK] = {"tcg-no-limit-check", on_tcg},
	[TCG_RESERVED_ABSENT] = {"tcg-reserved-absent", on_tcg},
	[TCG_WALK_HANGS] = {"tcg-walk-hangs", on_tcg},
	[TCG_VMRUN_LOSES_SHADOW] = {"tcg-vmrun-loses-shadow", on_tcg},
	[TCG_NO_RF] = {"tcg-no-rf", on_tcg},
	[TCG_LTR_NULL] = {"tcg-ltr-null", on_tcg},
	[TCG_WATCH_HANGS] = {"tcg-watch-hangs", on_tcg},
	[TCG_ENDS_ITSELF] = {"tcg-ends-itself", on_tcg},
	[TCG_LAZY_FLAGS] = {"tcg-lazy-flags", on_tcg},
	[TCG_BIT_TEST_FLAGS] = {"tcg-bit-test-flags", on_tcg},
	[TCG_STEP_CLEARS_B] = {"tcg-step-clears-b", on_tcg},
	[BOCHS_APIC_PANICS] = {"bochs-apic-panics", on_bochs},
	[BOCHS_ENTRY_AC] = {"bochs-entry-ac", on_bochs},
	[TCG_NO_TASK_TRAP] = {"tcg-no-task-trap", on_tcg},
	[TCG_TASK_FAULT_STACK] = {"tcg-task-fault-stack", on_tcg},
	[TCG_LMSW_SELECTIVE] = {"tcg-lmsw-selective", on_tcg, .in_guest = lmsw_unselective},
	[TCG_UPPER_HALF] = {"tcg-upper-half", on_tcg, .in_guest = upper_half},
	[TCG_EXIT_LME] = {"tcg-exit-lme", on_tcg, .in_guest = exits_with_lme},
	[TCG_EXIT_BEFORE_GP] = {"tcg-exit-before-gp", on_tcg},
	[TCG_SKINIT] = {"tcg-skinit", on_tcg},
	[TCG_SVM_V86] = {"tcg-svm-v86", on_tcg},
	[BOCHS_LMSW_SELECTIVE] = {"bochs-lmsw-selective", on_bochs_amd,
				  .in_guest = lmsw_unselective},
	[BOCHS_SELECTIVE_STORED] = {"bochs-selective-stored", on_bochs_amd,
				    .in_guest = selective_stored},
	[BOCHS_GUEST_PAGED_REAL] = {"bochs-guest-paged-real", on_bochs_amd,
				    .in_guest = paged_real_mode},
	[BOCHS_AMD_TSS16] = {"bochs-amd-tss16", on_bochs_amd, .in_guest = tss16_judged},
	[BOCHS_EARLY_LMA] = {"bochs-early-lma", on_bochs_amd},
	[BOCHS_VMRUN_CS_L_D] = {"bochs-vmrun-cs-l-d", on_bochs_amd, .in_guest = cs_l_d},
	[BOCHS_VMRUN_CR3] = {"bochs-vmrun-cr3", on_bochs_amd},
	[BOCHS_VMRUN_LME_PE] = {"bochs-vmrun-lme-pe", on_bochs_amd},
	[SVM_NO_PDPTE_LOADS] = {"svm-no-pdpte-loads", on_svm},
	[BOCHS_VTX_MSRS] = {"bochs-vtx-msrs", on_bochs_amd},
	[BOCHS_SVM_LOSES_TRAP] = {"bochs-svm-loses-trap", on_bochs_svm},
	[BOCHS_SVM_LOSES_INTR] = {"bochs-svm-loses-intr", on_bochs_svm},
};

_Static_assert(QUIRKS <= 64, "bits of found");
static u64 found;	/* bit n: quirks[n] is here */
static u32 met[QUIRKS]; /* by the present case */

void quirks_init(void)
{
	for (u32 i = 0; i < QUIRKS; i++) {
		if (!quirks[i].here())
			continue;
		found |= BIT(i);
		note("quirk of this platform: %s", quirks[i].name);
	}
}

bool quirk_here(enum quirk q)
{
	return found >> q & 1;
}

bool quirk_scatters(u32 msr)
{
	return quirk_here(TCG_MTRR_UNCHECKED) && msr >= MSR_MTRR_PHYSBASE0 &&
	       msr <= MSR_MTRR_DEF_TYPE;
}

bool quirk_took(enum quirk q, bool deviation)
{
	bool took = deviation && quirk_here(q);

	met[q] += took;
	return took;
}

/* What QEMU takes of CR4 whatever CPUID says; it knows no #GP for others, and ends the machine. */
#define TCG_CR4_TAKEN (CR4_VME | CR4_PVI | CR4_PCIDE)

bool quirk_fatal_cr(u32 cr, u64 value)
{
	enum quirk q = cr ? TCG_CR4_UNCHECKED : TCG_CR0_UNCHECKED;
	bool fatal = cr ? (value & ~(cr4_allowed() | TCG_CR4_TAKEN)) || !(value & CR4_PAE)
			: !(value & CR0_PE) || !(value & CR0_PG);

	return quirk_took(q, fatal && !lamina_here());
}

bool quirk_took_cr(u32 cr, u64 value, u32 vector)
{
	if (lamina_here()) /* it owns both registers whole where the platform does not judge */
		return false;
	if (cr)
		return quirk_took(TCG_CR4_UNCHECKED, vector == VEC_DONE && read_cr4() == value &&
							     (value & TCG_CR4_TAKEN));
	return quirk_took(TCG_CR0_UNCHECKED,
			  vector == VEC_DONE && read_cr0() == ((u32)value | CR0_ET));
}

void quirks_note(void)
{
	for (u32 i = 0; i < QUIRKS; i++) {
		if (met[i])
			note("quirk %s: met %u times", quirks[i].name, met[i]);
		met[i] = 0;
	}
}

bool quirk_excludes(const struct crm_cpu *cpu, const struct crp_step *s, u8 due)
{
	for (u32 i = 0; i < QUIRKS; i++)
		if (quirk_here(i) && quirks[i].excludes && quirks[i].excludes(cpu, s, due))
			return true;
	return false;
}

/* The access as a step of a program, which the quirks of the bare machine are about. */
static bool excludes_natively(const struct access *a)
{
	static const u8 kinds[] = {
		[CRM_MOV_TO] = CRP_WRITE, [CRM_MOV_FROM] = CRP_READ, [CRM_LMSW] = CRP_LMSW,
		[CRM_CLTS] = CRP_CLTS,	  [CRM_SMSW] = CRP_SMSW,
	};
	struct crp_step s = {.kind = kinds[a->insn->op],
			     .cr = a->insn->cr,
			     .ring = a->cpu->cpl ? CRX_CPL3 : CRX_KERNEL,
			     .value = a->value};
	u8 vector = 0;

	if (a->due->verdict == CRM_GP)
		vector = VECTOR_GP;
	else if (a->due->verdict == CRM_UD)
		vector = VECTOR_UD;
	return a->due->verdict != CRM_EXIT && quirk_excludes(a->cpu, &s, vector);
}

bool quirk_excludes_in_guest(const struct crm_cpu *cpu, const struct crm_insn *i,
			     const struct crm_result *due)
{
	bool mode64 = (cpu->efer & EFER_LMA) && cpu->cs_l;
	u64 value = mode64 ? i->value : (u32)i->value;
	struct access a = {.cpu = cpu,
			   .insn = i,
			   .due = due,
			   .value = value,
			   .changed = value ^ cpu->cr[i->cr == 4 ? CRM_CR4 : CRM_CR0].hw};

	for (u32 n = 0; n < QUIRKS; n++)
		if (quirk_here(n) && quirks[n].in_guest && quirks[n].in_guest(&a))
			return true;
	return excludes_natively(&a);
}

/* The selective intercept sees the lower half of a value. */
bool quirk_exits_first(const struct crm_cpu *cpu, const struct crm_insn *i,
		       const struct crm_result *due)
{
	struct crm_insn seen = *i;

	if (i->op == CRM_MOV_TO && i->cr == 0)
		seen.value = (u32)i->value;
	return quirk_here(TCG_EXIT_BEFORE_GP) && due->verdict == CRM_GP && cpu->cpl == 0 &&
	       crm_exits(cpu, &seen);
}

u64 quirk_pdpte_bits(void)
{
	u64 bits = 0;

	for (u32 i = 0; i < QUIRKS; i++)
		if (quirk_here(i))
			bits |= quirks[i].pdpte_bits;
	return bits;
}
