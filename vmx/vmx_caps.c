/* SPDX-License-Identifier: MIT */
/* What the processor offers, and whether that is enough (Intel SDM vol. 3D, appendix A). */
#include "vmx/vmx.h"

#include "x86/cpuid.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"

struct vmx_caps vmx_caps;

void vmx_caps_read(struct vmx_caps *c)
{
	bool true_controls;

	c->basic = rdmsr(MSR_VMX_BASIC);
	true_controls = c->basic & BIT(55);
	c->pin = rdmsr(true_controls ? MSR_VMX_TRUE_PINBASED : MSR_VMX_PINBASED);
	c->proc = rdmsr(true_controls ? MSR_VMX_TRUE_PROCBASED : MSR_VMX_PROCBASED);
	c->exit = rdmsr(true_controls ? MSR_VMX_TRUE_EXIT : MSR_VMX_EXIT);
	c->entry = rdmsr(true_controls ? MSR_VMX_TRUE_ENTRY : MSR_VMX_ENTRY);
	c->misc = rdmsr(MSR_VMX_MISC);
	c->proc2 = c->proc >> 32 & PROC_SECONDARY ? rdmsr(MSR_VMX_PROCBASED2) : 0;
	c->ept_vpid = c->proc2 >> 32 & PROC2_EPT ? rdmsr(MSR_VMX_EPT_VPID_CAP) : 0;
	c->cr0_fixed0 = rdmsr(MSR_VMX_CR0_FIXED0);
	c->cr0_fixed1 = rdmsr(MSR_VMX_CR0_FIXED1);
	c->cr4_fixed0 = rdmsr(MSR_VMX_CR4_FIXED0);
	c->cr4_fixed1 = rdmsr(MSR_VMX_CR4_FIXED1);
	c->phys_bits = cpuid(0x80000008, 0).eax & 0xff;
}

static bool allows(u64 caps, u64 bits)
{
	return (caps >> 32 & bits) == bits;
}

static err_t check_controls(const struct vmx_caps *c)
{
	if (!allows(c->proc, PROC_SECONDARY) || !allows(c->proc2, PROC2_EPT))
		return "VT-x without EPT";
	if (!allows(c->proc2, PROC2_UNRESTRICTED))
		return "VT-x without unrestricted guest";
	if (!allows(c->pin, PIN_NMI_EXITING | PIN_VIRTUAL_NMIS))
		return "VT-x without virtual NMIs";
	if (!allows(c->proc, PROC_MSR_BITMAPS | PROC_IO_BITMAPS | PROC_NMI_WINDOW))
		return "VT-x without MSR and I/O bitmaps";
	if (c->proc & (PROC_CR3_LOAD | PROC_CR3_STORE))
		return "VT-x that exits on every CR3 access";
	if (!allows(c->exit, EXIT_CTL_HOST64 | EXIT_CTL_SAVE_EFER | EXIT_CTL_LOAD_EFER |
				     EXIT_CTL_SAVE_PAT | EXIT_CTL_LOAD_PAT) ||
	    !allows(c->entry, ENTRY_CTL_LOAD_EFER | ENTRY_CTL_LOAD_PAT))
		return "VT-x that cannot switch IA32_EFER and IA32_PAT";
	if (!(c->ept_vpid & EPT_CAP_4LEVEL) || !(c->ept_vpid & EPT_CAP_WB) ||
	    !(c->ept_vpid & EPT_CAP_2M) || !(c->ept_vpid & EPT_CAP_INVEPT))
		return "EPT without 4 levels, write-back, 2 MiB pages and INVEPT";
	return OK;
}

err_t vmx_probe(void)
{
	u64 lock;

	if (!(cpuid(1, 0).ecx & CPUID_1_ECX_VMX))
		return "no VT-x";
	lock = rdmsr(MSR_FEATURE_CONTROL);
	if ((lock & FEATURE_CONTROL_LOCK) && !(lock & FEATURE_CONTROL_VMX_NO_SMX))
		return "VT-x locked off by the firmware";
	vmx_caps_read(&vmx_caps);
	ept_format.has_1g = vmx_caps.ept_vpid & EPT_CAP_1G;
	return check_controls(&vmx_caps);
}
