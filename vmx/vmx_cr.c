/* SPDX-License-Identifier: MIT */
/* CR0 and CR4 on VT-x: what the hardware demands, and the bits that it does not switch. */
#include "vmx/vmx.h"

#include "x86/cr.h"
#include "x86/insn.h"

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
