/* SPDX-License-Identifier: MIT */
/* CR0 and CR4 on VT-x: what the hardware demands, and making the model's outcome real. */
#include "vmx/vmx.h"

#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"

struct crm_limits vmx_cr_limits(enum crm_name cr)
{
	const bool unrestricted = true; /* vmx_probe() has seen to it */

	if (cr == CRM_CR0)
		return crm_vmx_limits(cr, vmx_caps.cr0_fixed0, vmx_caps.cr0_fixed1, unrestricted);
	return crm_vmx_limits(cr, vmx_caps.cr4_fixed0, vmx_caps.cr4_fixed1, unrestricted);
}

/*
 * CD and NW are the guest's, and no VM entry or exit loads them: the register itself carries them
 * through root mode (Intel SDM vol. 3C, 27.3.2.1 and 28.5.1).
 */
void vmx_set_cr0(u64 cr0)
{
	u64 real = read_cr0();
	u64 wanted = (real & ~(CR0_CD | CR0_NW)) | (cr0 & (CR0_CD | CR0_NW));

	if (real != wanted)
		write_cr0(wanted);
	vmwrite(VMCS_GUEST_CR0, cr0);
}

void vmx_cr_commit(struct vcpu *v, enum crm_name cr, const struct crm_result *o)
{
	u64 efer = vmread(VMCS_GUEST_EFER);

	if (cr == CRM_CR0)
		vmx_set_cr0(o->next.hw);
	else
		vmwrite(VMCS_GUEST_CR4, o->next.hw);
	vmwrite(cr == CRM_CR0 ? VMCS_CR0_SHADOW : VMCS_CR4_SHADOW, o->next.shadow);
	if (o->effects & CRM_LMA_SET)
		vmx_state_set(v, REG_EFER, efer | EFER_LMA);
	if (o->effects & CRM_LMA_CLEAR)
		vmx_state_set(v, REG_EFER, efer & ~EFER_LMA);
	if (o->effects & (CRM_TLB_ALL | CRM_TLB_PCID))
		vmx_tlb_flush(v, false);
}
