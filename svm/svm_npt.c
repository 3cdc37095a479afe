/* SPDX-License-Identifier: MIT */
/*
 * Nested page tables (AMD APM vol. 2, 15.25). They look like the long-mode tables of a user
 * program. They carry no memory type: entry 0 of the host's PAT is write-back, and the hardware
 * combines that with the MTRRs and the guest's own PAT (15.25.8).
 */
#include "svm/svm.h"

#include "x86/paging.h"

static u64 npt_table(hpa_t next)
{
	return next.v | PTE_P | PTE_W | PTE_U;
}

static u64 npt_leaf(hpa_t pa, u32 perms, u8 memtype, u32 level)
{
	(void)memtype;
	if (!perms)
		return 0;
	return pa.v | PTE_P | PTE_U | (perms & SLAT_WRITE ? PTE_W : 0) |
	       (perms & SLAT_EXEC || !svm_caps.nx ? 0 : PTE_NX) | (level > 1 ? PTE_PS : 0);
}

static bool npt_is_table(u64 entry, u32 level)
{
	return level > 1 && (entry & PTE_P) && !(entry & PTE_PS);
}

static hpa_t npt_address(u64 entry)
{
	return HPA(entry & PTE_ADDR);
}

struct slat_format npt_format = {
	.table = npt_table,
	.leaf = npt_leaf,
	.is_table = npt_is_table,
	.address = npt_address,
};

void svm_slat_root(struct vcpu *v, hpa_t root)
{
	vmcb_write(v, VMCB_N_CR3, root.v);
	vmcb_write(v, VMCB_CLEAN, 0);
}

/* Both levels go together: translations are tagged by ASID only. Takes effect at the next VMRUN. */
void svm_tlb_flush(struct vcpu *v, bool second_level)
{
	(void)second_level;
	vmcb_write(v, VMCB_TLB_CONTROL,
		   svm_caps.features & SVM_FEATURE_FLUSH_ASID ? TLB_FLUSH_ASID : TLB_FLUSH_ALL);
}
