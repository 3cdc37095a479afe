/* SPDX-License-Identifier: MIT */
/* Checks on the guest state (Intel SDM vol. 3C, 27.3.1). */
#include "vmx/vmx_check.h"

#include "core/event.h"
#include "lib/fmt.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "x86/rflags.h"
#include "x86/seg.h"

/* Guest state that most checks look at. */
struct guest {
	u64 cr0, cr4, efer, rflags;
	bool ia32e, unrestricted, vm86;
};

static struct guest guest_of(void)
{
	struct guest g = {
		.cr0 = vmx_field(VMCS_GUEST_CR0),
		.cr4 = vmx_field(VMCS_GUEST_CR4),
		.efer = vmx_field(VMCS_GUEST_EFER),
		.rflags = vmx_field(VMCS_GUEST_RFLAGS),
		.ia32e = vmx_field(VMCS_ENTRY_CONTROLS) & ENTRY_CTL_IA32E,
		.unrestricted = vmx_field(VMCS_PROC_CONTROLS2) & PROC2_UNRESTRICTED,
	};

	g.vm86 = g.rflags & RFLAGS_VM;
	return g;
}

static void check_pdptes(struct check *c)
{
	u64 pdpte[4];

	for (u32 i = 0; i < 4; i++)
		pdpte[i] = vmx_field(VMCS_GUEST_PDPTE0 + 2 * i);
	check_that(c, crm_pdptes_valid(pdpte, vmx_caps.phys_bits), "guest PDPTEs: reserved bits");
}

/* Control registers, debug registers and MSRs (27.3.1.1) */
static void check_registers(struct check *c, const struct guest *g)
{
	bool pg = g->cr0 & CR0_PG;

	vmx_check_fixed(c, "guest CR0", true, g->cr0, g->unrestricted ? CR0_PE | CR0_PG : 0);
	vmx_check_fixed(c, "guest CR4", false, g->cr4, 0);
	check_that(c, !pg || (g->cr0 & CR0_PE), "guest CR0 has PG without PE");
	check_that(c, !g->ia32e || (pg && (g->cr4 & CR4_PAE)),
		   "IA-32e mode guest without CR0.PG and CR4.PAE");
	check_that(c, g->ia32e || !(g->cr4 & CR4_PCIDE), "guest CR4.PCIDE outside IA-32e mode");
	check_that(c, !(vmx_field(VMCS_GUEST_CR3) >> vmx_caps.phys_bits), "guest CR3: width");
	check_that(c, !(vmx_field(VMCS_GUEST_DR7) >> 32), "guest DR7: bits 63:32");
	check_that(c,
		   vmx_check_canonical(vmx_field(VMCS_GUEST_SYSENTER_ESP)) &&
			   vmx_check_canonical(vmx_field(VMCS_GUEST_SYSENTER_EIP)),
		   "guest IA32_SYSENTER_ESP or EIP is not canonical");
	check_that(c, check_pat(vmx_field(VMCS_GUEST_PAT)), "guest IA32_PAT: memory type");
	check_that(c, !(g->efer & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)),
		   "guest IA32_EFER 0x%" FMT64 "x: reserved bits", g->efer);
	check_that(c, !(g->efer & EFER_LMA) == !g->ia32e,
		   "guest IA32_EFER.LMA differs from the IA-32e mode control");
	check_that(c, !pg || !(g->efer & EFER_LMA) == !(g->efer & EFER_LME),
		   "guest IA32_EFER: LMA differs from LME under paging");
	if (pg && (g->cr4 & CR4_PAE) && !g->ia32e)
		check_pdptes(c);
}

/* RIP and RFLAGS (27.3.1.4) */
static void check_rip(struct check *c, const struct guest *g)
{
	u64 rip = vmx_field(VMCS_GUEST_RIP);
	bool long_code = g->ia32e && (vmx_field(VMCS_GUEST_CS_AR) & SEG_AR_L);
	u32 info = (u32)vmx_field(VMCS_ENTRY_INTR_INFO);

	check_that(c, long_code || !(rip >> 32), "guest RIP 0x%" FMT64 "x: bits 63:32", rip);
	check_that(c, !(g->rflags & ~0x3f7fd7ULL) && (g->rflags & RFLAGS_FIXED),
		   "guest RFLAGS 0x%" FMT64 "x: reserved bits", g->rflags);
	check_that(c, !g->vm86 || (!g->ia32e && (g->cr0 & CR0_PE)),
		   "guest RFLAGS.VM in IA-32e or real mode");
	check_that(c,
		   !(info & INTR_INFO_VALID) || INTR_INFO_TYPE(info) != INTR_TYPE_EXT ||
			   (g->rflags & RFLAGS_IF),
		   "external interrupt injected with RFLAGS.IF = 0");
}

/* Activity, interruptibility, pending debug exceptions (27.3.1.5) */
static void check_state(struct check *c, const struct guest *g)
{
	u64 activity = vmx_field(VMCS_GUEST_ACTIVITY);
	u64 block = vmx_field(VMCS_GUEST_INTERRUPTIBILITY);
	u32 info = (u32)vmx_field(VMCS_ENTRY_INTR_INFO);
	u32 type = info & INTR_INFO_VALID ? INTR_INFO_TYPE(info) : 1;
	u64 shadow = block & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS);
	u64 pending = vmx_field(VMCS_GUEST_PENDING_DEBUG);
	bool trap_due = shadow || activity == ACTIVITY_HLT;
	bool step = event_single_step(g->rflags, vmx_field(VMCS_GUEST_DEBUGCTL));

	check_that(c, activity <= ACTIVITY_WAIT_SIPI, "guest activity state %u", (u32)activity);
	check_that(c, !activity || (vmx_caps.misc >> 5 >> (activity & 63) & 1),
		   "guest activity state %u is not supported", (u32)activity);
	check_that(c, activity != ACTIVITY_HLT || !SEG_AR_DPL(vmx_field(VMCS_GUEST_SS_AR)),
		   "guest in HLT with SS.DPL above 0");
	check_that(c, !activity || !shadow, "guest not active, with an interrupt shadow");
	check_that(c, activity != ACTIVITY_WAIT_SIPI || type == 1,
		   "event injected into wait-for-SIPI");
	check_that(c, !(block & ~0x1fULL), "guest interruptibility %x: reserved bits", (u32)block);
	check_that(c, shadow != (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS),
		   "guest interruptibility: blocking by STI and by MOV SS");
	check_that(c, !(block & INTERRUPTIBILITY_STI) || (g->rflags & RFLAGS_IF),
		   "guest interruptibility: blocking by STI with RFLAGS.IF = 0");
	check_that(c, !(block & INTERRUPTIBILITY_SMI),
		   "guest interruptibility: blocking by SMI outside SMM");
	check_that(c, type != INTR_TYPE_EXT || !shadow, "interrupt injected into a shadow");
	check_that(c,
		   type != INTR_TYPE_NMI ||
			   !(block & (INTERRUPTIBILITY_MOV_SS | INTERRUPTIBILITY_NMI)),
		   "NMI injected while blocked");
	check_that(c, !trap_due || !(pending & PENDING_DEBUG_BS) == !step,
		   "pending debug exceptions: BS differs from RFLAGS.TF in a shadow or HLT");
	check_that(c, vmx_field(VMCS_VMCS_LINK) == ~0ULL, "VMCS link pointer is not all ones");
}

void vmx_check_guest(struct check *c)
{
	struct guest g = guest_of();

	check_registers(c, &g);
	check_rip(c, &g);
	check_state(c, &g);
	for (u32 f = VMCS_GUEST_GDTR_LIMIT; f <= VMCS_GUEST_IDTR_LIMIT; f += 2)
		check_that(c, vmx_field(f) <= 0xffff, "guest GDTR or IDTR limit above FFFFh");
	for (u32 f = VMCS_GUEST_GDTR_BASE; f <= VMCS_GUEST_IDTR_BASE; f += 2)
		check_that(c, vmx_check_canonical(vmx_field(f)),
			   "guest GDTR or IDTR base is not canonical");
}
