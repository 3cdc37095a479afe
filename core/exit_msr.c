/* SPDX-License-Identifier: MIT */
/*
 * RDMSR and WRMSR of the few MSRs that are guarded, and of those outside the bitmap's ranges. All
 * others are the machine's own, #GP included (Intel SDM vol. 4).
 */
#include "core/msr.h"

#include "core/apic.h"
#include "core/core.h"
#include "core/exit_handlers.h"
#include "core/mp.h"
#include "core/mtrr.h"
#include "core/sipi.h"
#include "core/trace.h"
#include "core/slat.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"
#include "x86/paging.h"

struct msr_range {
	u32 first, last;
};

/* Features hidden in CPUID: their MSRs are not there. PEBS would write its records to linear
 * addresses that the guest chooses also while Lamina runs, in Lamina's address space (Intel SDM
 * vol. 3B, 20.6.2.4). */
static const struct msr_range absent[] = {
	{MSR_SMM_MONITOR_CTL, MSR_SMM_MONITOR_CTL},
	{MSR_PEBS_ENABLE, MSR_PEBS_ENABLE},
	{MSR_VMX_BASIC, MSR_VMX_LAST},
	{MSR_RTIT_FIRST, MSR_RTIT_LAST},
	{MSR_RTIT_ADDR_FIRST, MSR_RTIT_ADDR_LAST},
	{MSR_VM_CR + 1, MSR_SVM_LAST},
};

/* AMD's that say which addresses are memory, devices or SMM's: ours could become something else
 * under us. They stay as the firmware has set them; a write does nothing. */
static const struct msr_range kept[] = {
	{MSR_AMD_SYSCFG, MSR_AMD_SYSCFG},     {MSR_AMD_IORR_FIRST, MSR_AMD_TOP_MEM},
	{MSR_AMD_TOP_MEM2, MSR_AMD_TOP_MEM2}, {MSR_AMD_MMIO_CONFIG, MSR_AMD_MMIO_CONFIG},
	{MSR_AMD_SMM_BASE, MSR_AMD_SMM_MASK},
};

#define IS_IN(ranges, msr) is_in(ranges, ARRAY_SIZE(ranges), msr)
static bool is_in(const struct msr_range *r, u32 n, u32 msr)
{
	for (u32 i = 0; i < n; i++)
		if (msr >= r[i].first && msr <= r[i].last)
			return true;
	return false;
}

static enum exit_answer give(struct vcpu *v, u64 value)
{
	v->gpr[GPR_RAX] = (u32)value;
	v->gpr[GPR_RDX] = value >> 32;
	return EXIT_ADVANCE;
}

enum exit_answer exit_rdmsr(struct vcpu *v, const struct exit *x)
{
	u32 msr = (u32)v->gpr[GPR_RCX];
	u64 value;

	(void)x;
	trace_values(v, TRACE_WHAT(TRACE_EXIT, EXIT_RDMSR, 1), (const u64[]){msr});
	if (IS_IN(absent, msr))
		return inject_gp(v);
	if (msr == MSR_FEATURE_CONTROL)
		return give(v, FEATURE_CONTROL_LOCK);
	if (msr == MSR_VM_CR && backend->vendor == CRM_AMD && rdmsr_safe(msr, &value))
		return give(v, VM_CR_LOCK | VM_CR_SVMDIS);
	if (msr == MSR_EFER)
		return give(v, backend->state_get(v, REG_EFER));
	if (!rdmsr_safe(msr, &value))
		return inject_gp(v);
	return give(v, msr == MSR_MISC_ENABLE ? value | MISC_ENABLE_NO_PEBS : value);
}

/* The local APIC may move or change its mode, but not onto our memory (V4 of the requirements). */
static enum exit_answer write_apic_base(struct vcpu *v, u64 value)
{
	struct pcpu *p = pcpu_of(v);
	u64 old = atomic_load(&p->pub.apic_page);

	if (is_ours(value & PTE_ADDR, PAGE_SIZE) || slat_is_write_protected(value & PTE_ADDR) ||
	    !apic_set_base(value))
		return inject_gp(v);
	mp_publish_apic(p);
	sipi_apic_moved(p, old);
	backend->tlb_flush(v, true);
	return EXIT_ADVANCE;
}

/* The CPU itself judges and keeps the value; the second-level tables follow. The system must write
 * the MTRRs of every CPU, so every CPU comes by here to flush (Intel SDM vol. 3A, 12.11.8). */
static enum exit_answer write_mtrr(struct vcpu *v, u32 msr, u64 value)
{
	struct mtrr_state s;

	if (!wrmsr_safe(msr, value))
		return inject_gp(v);
	mtrr_read(&s);
	slat_set_mtrr(&s);
	backend->tlb_flush(v, true);
	return EXIT_ADVANCE;
}

/*
 * EFER on AMD-V, where the guest runs with SVME set and must not see it. Which bits there are the
 * CPU itself judges, with LME and LMA as Lamina needs them.
 */
static enum exit_answer write_efer(struct vcpu *v, u64 value)
{
	const u64 mode = EFER_LME | EFER_LMA | EFER_SVME;
	u64 old = backend->state_get(v, REG_EFER);
	u64 host = rdmsr(MSR_EFER);
	u64 real;

	if ((value & EFER_SVME) ||
	    (((old ^ value) & EFER_LME) && (guest_cr(v, CRM_CR0) & CR0_PG)) ||
	    !wrmsr_safe(MSR_EFER, (host & mode) | (value & ~mode)))
		return inject_gp(v);
	real = rdmsr(MSR_EFER);
	wrmsr(MSR_EFER, host);
	backend->state_set(v, REG_EFER, (real & ~mode) | (value & EFER_LME) | (old & EFER_LMA));
	return EXIT_ADVANCE;
}

enum exit_answer exit_wrmsr(struct vcpu *v, const struct exit *x)
{
	u32 msr = (u32)v->gpr[GPR_RCX];
	u64 value = (u32)v->gpr[GPR_RAX] | v->gpr[GPR_RDX] << 32;

	(void)x;
	trace_values(v, TRACE_WHAT(TRACE_EXIT, EXIT_WRMSR, 2), (const u64[]){msr, value});
	if (IS_IN(absent, msr) || msr == MSR_VM_CR)
		return inject_gp(v);
	if (msr == MSR_EFER)
		return write_efer(v, value);
	if (msr == MSR_BIOS_UPDT_TRIG ||
	    msr == MSR_AMD_PATCH_LOADER) /* a microcode update could change the CPU under us */
		return EXIT_ADVANCE;
	if (IS_IN(kept, msr))
		return rdmsr_safe(msr, &value) ? EXIT_ADVANCE : inject_gp(v);
	if (msr == MSR_APIC_BASE)
		return write_apic_base(v, value);
	if (msr == MSR_X2APIC_ICR)
		return sipi_write_x2icr(v, value);
	if (mtrr_is(msr))
		return write_mtrr(v, msr, value);
	return wrmsr_safe(msr, value) ? EXIT_ADVANCE : inject_gp(v);
}

/* Each vendor's only: AMD's processors have none of Intel's, and VT-x no bits for AMD's. */
void msr_trap_init(void)
{
	bool amd = backend->vendor == CRM_AMD;

	if (amd) {
		backend->trap_msr(MSR_EFER, true, true);
		backend->trap_msr(MSR_VM_CR, true, true);
		backend->trap_msr(MSR_AMD_PATCH_LOADER, false, true);
		for (u32 i = 0; i < ARRAY_SIZE(kept); i++)
			for (u32 m = kept[i].first; m <= kept[i].last; m++)
				backend->trap_msr(m, false, true);
	} else {
		/* locked since we switched VT-x on: a write is #GP by itself */
		backend->trap_msr(MSR_FEATURE_CONTROL, true, false);
		backend->trap_msr(MSR_MISC_ENABLE, true, false);
		backend->trap_msr(MSR_BIOS_UPDT_TRIG, false, true);
	}
	for (u32 i = 0; i < ARRAY_SIZE(absent); i++)
		for (u32 m = absent[i].first; m <= absent[i].last; m++)
			if ((m > MSR_VM_CR) == amd)
				backend->trap_msr(m, true, true);
	backend->trap_msr(MSR_APIC_BASE, false, true);
	for (u32 m = MSR_MTRR_PHYSBASE0; m <= MSR_MTRR_DEF_TYPE; m++)
		if (mtrr_is(m))
			backend->trap_msr(m, false, true);
}
