/* SPDX-License-Identifier: MIT */
/* Extended page tables (Intel SDM vol. 3C, 29.3.2) and the invalidations (29.4.3). */
#include "vmx/vmx.h"

#include "x86/insn.h"
#include "x86/paging.h"

#define EPT_TYPE(t)    ((u64)(t) << 3)
#define EPT_LEAF_LARGE BIT(7)

static u64 ept_leaf(hpa_t pa, u32 perms, u8 memtype, u32 level)
{
	if (!perms)
		return 0;
	return pa.v | perms | EPT_TYPE(memtype) | (level > 1 ? EPT_LEAF_LARGE : 0);
}

static u64 ept_no_exec(u64 entry)
{
	return entry & ~(u64)SLAT_EXEC;
}

struct slat_format ept_format = {.leaf = ept_leaf, .no_exec = ept_no_exec};

void vmx_slat_root(struct vcpu *v, hpa_t root)
{
	vmx_of(v)->eptp = root.v | EPTP_WB | EPTP_4LEVEL;
	vmwrite(VMCS_EPTP, vmx_of(v)->eptp);
}

void vmx_tlb_flush(struct vcpu *v, bool second_level)
{
	if (second_level)
		invept(vmx_caps.ept_vpid & EPT_CAP_INVEPT_ONE ? INVEPT_SINGLE : INVEPT_ALL,
		       vmx_of(v)->eptp);
	else if (vmx_caps.ept_vpid & EPT_CAP_INVVPID_ONE)
		invvpid(INVVPID_SINGLE, (u16)(v->index + 1), 0);
}
