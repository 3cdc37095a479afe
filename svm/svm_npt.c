/* SPDX-License-Identifier: MIT */
/*
 * Nested page tables (AMD APM vol. 2, 15.25). They look like the long-mode tables of a user
 * program. The guest's memory type and a leaf's are combined as those of PAT and MTRR are natively
 * (15.25.8, table 15-19), so a leaf has the type of the MTRRs, like on VT-x; the real MTRRs, which
 * come on top here, are the same and change nothing any more.
 */
#include "svm/svm.h"

static u64 npt_leaf(hpa_t pa, u32 perms, u8 memtype, u32 level)
{
	u32 pat = NPT_PAT_INDEX(memtype);

	if (!perms)
		return 0;
	return pa.v | PTE_P | PTE_U | (perms & SLAT_WRITE ? PTE_W : 0) |
	       (perms & SLAT_EXEC || !svm_caps.nx ? 0 : PTE_NX) | (pat & 1 ? PTE_PWT : 0) |
	       (pat & 2 ? PTE_PCD : 0) | (level > 1 ? PTE_PS : 0) |
	       (pat & 4 ? (level > 1 ? PTE_PAT_LARGE : PTE_PAT) : 0);
}

static u64 npt_no_exec(u64 entry)
{
	return svm_caps.nx ? entry | PTE_NX : entry;
}

struct slat_format npt_format = {.leaf = npt_leaf, .no_exec = npt_no_exec};

void svm_slat_root(struct vcpu *v, hpa_t root)
{
	vmcb_write(v, VMCB_N_CR3, root.v);
}

/* Both levels go together: translations are tagged by ASID only. Takes effect at the next VMRUN. */
void svm_tlb_flush(struct vcpu *v, bool second_level)
{
	(void)second_level;
	vmcb_write(v, VMCB_TLB_CONTROL,
		   svm_caps.features & SVM_FEATURE_FLUSH_ASID ? TLB_FLUSH_ASID : TLB_FLUSH_ALL);
}
