/* SPDX-License-Identifier: MIT */
/*
 * CR0 and CR4 on AMD-V. There are no masks and shadows: they are kept beside the VMCB, and
 * intercepts see to it that the law of the model holds with them (AMD APM vol. 2, 15.8 and 15.9).
 */
#include "svm/svm.h"

#include "x86/cr.h"

#define CR0_EXISTS 0xffffffffULL

/*
 * VMRUN wants reserved bits to be 0 (AMD APM vol. 2, 15.5.1). QEMU's emulation raises #GP for
 * hardly any value of CR0 and CR4, and refuses the next VMRUN instead: there every bit is owned, so
 * that the model judges. Bochs lets a guest's MOV to CR0 enter paged real mode, which only VMRUN
 * and RSM may (15.19), and ends the machine if that was in long mode.
 */
struct crm_limits svm_cr_limits(enum crm_name cr)
{
	u64 bochs = svm_caps.bochs && cr == CRM_CR0 ? CR0_PE : 0;

	return (struct crm_limits){.must0 = cr == CRM_CR0 ? ~CR0_EXISTS : ~svm_caps.cr4,
				   .unjudged = svm_caps.tcg ? ~0ULL : bochs};
}

void svm_cr_intercept(struct vcpu *v)
{
	struct svm_vcpu *m = svm_of(v);
	u64 exits1 = vmcb_read(v, VMCB_INTERCEPTS1) & ~(u64)INTERCEPT(SVM_CR0_SEL_WRITE);
	u64 crs = 0;

	for (enum crm_name n = CRM_CR0; n < CRM_CRS; n++) {
		struct crm_cr c = {.hw = vmcb_read(v, n == CRM_CR0 ? VMCB_CR0 : VMCB_CR4),
				   .shadow = m->cr[n].shadow,
				   .owned = m->cr[n].owned};
		struct crm_intercepts i = crm_svm_intercepts(n, &c);
		u32 bit = n == CRM_CR0 ? 0 : 4;

		crs |= (i.read ? 1u << bit : 0) | (i.write ? 1u << (bit + 16) : 0);
		exits1 |= i.selective ? INTERCEPT(SVM_CR0_SEL_WRITE) : 0;
	}
	vmcb_write(v, VMCB_CR_INTERCEPTS, crs);
	vmcb_write(v, VMCB_INTERCEPTS1, exits1);
}
