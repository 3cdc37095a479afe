/* SPDX-License-Identifier: MIT */
/*
 * CR0 and CR4 on AMD-V. There are no masks and shadows: they are kept beside the VMCB, and
 * intercepts see to it that the law of the model holds with them (AMD APM vol. 2, 15.8 and 15.9).
 */
#include "svm/svm.h"

#include "core/gmem.h"
#include "lib/insn.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define CR0_EXISTS 0xffffffffULL

/*
 * VMRUN wants reserved bits to be 0 (AMD APM vol. 2, 15.5.1). QEMU's emulation raises #GP for
 * hardly any value of CR0 and CR4, and refuses the next VMRUN instead: there every bit is owned, so
 * that the model judges.
 */
struct crm_limits svm_cr_limits(enum crm_name cr)
{
	return (struct crm_limits){.must0 = cr == CRM_CR0 ? ~CR0_EXISTS : ~svm_caps.cr4,
				   .unjudged = svm_caps.tcg ? ~0ULL : 0};
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
	vmcb_write(v, VMCB_CLEAN, 0);
}

void svm_cr_commit(struct vcpu *v, enum crm_name cr, const struct crm_result *r)
{
	u64 efer = svm_state_get(v, REG_EFER);

	vmcb_write(v, cr == CRM_CR0 ? VMCB_CR0 : VMCB_CR4, r->next.hw);
	svm_of(v)->cr[cr].shadow = r->next.shadow;
	if (r->effects & CRM_LMA_SET)
		svm_state_set(v, REG_EFER, efer | EFER_LMA);
	if (r->effects & CRM_LMA_CLEAR)
		svm_state_set(v, REG_EFER, efer & ~EFER_LMA);
	if (r->effects & (CRM_TLB_ALL | CRM_TLB_PCID))
		svm_tlb_flush(v, false);
	svm_cr_intercept(v);
}

/* The source of LMSW: a register, or two bytes of memory. */
static bool lmsw_source(struct vcpu *v, const struct insn *i, u16 *out)
{
	u64 linear;

	if (!i->has_mem) {
		*out = (u16)(i->rm.number == GPR_RSP ? vmcb_read(v, VMCB_RSP)
						     : v->gpr[i->rm.number]);
		return true;
	}
	linear = gmem_operand(v, i);
	return gmem_read(v, linear, out, sizeof(*out)) == sizeof(*out);
}

void svm_decode_cr(struct vcpu *v, struct exit *x, u32 code)
{
	u64 efer = svm_state_get(v, REG_EFER);
	u8 bytes[INSN_MAX_BYTES];
	struct insn i;
	int length;

	/* one emulator has changed LMA before it finds the intercept */
	if ((efer & EFER_LMA) && !(vmcb_read(v, VMCB_CR0) & CR0_PG))
		svm_state_set(v, REG_EFER, efer & ~EFER_LMA);
	length = insn_decode(bytes, gmem_fetch(v, x->rip, bytes, sizeof(bytes)), gmem_code_mode(v),
			     &i);
	x->cr = (struct exit_cr){.cr = code & 15};
	x->length = length > 0 ? (u32)length : 0;
	if (length > 0 && (i.op == INSN_MOV_TO_CR || i.op == INSN_MOV_FROM_CR)) {
		x->cr.cr = i.reg.number;
		x->cr.gpr = i.rm.number;
		x->cr.access = i.op == INSN_MOV_TO_CR ? CR_MOV_TO : CR_MOV_FROM;
	} else if (length > 0 && i.op == INSN_CLTS) {
		x->cr.access = CR_CLTS;
	} else if (length > 0 && i.op == INSN_LMSW && lmsw_source(v, &i, &x->cr.lmsw)) {
		x->cr.access = CR_LMSW;
	} else {
		x->kind = EXIT_UNKNOWN; /* the code has changed, or cannot be read */
	}
}
