/* SPDX-License-Identifier: MIT */
/* The hypapp info: what the guest asks about Lamina and about CR0 and CR4 of its CPU, and what of
 * them it wants owned and logged. */
#include "core/core.h"
#include "core/cr.h"
#include "core/sipi.h"
#include "hv/hypapp.h"
#include "hv/hypercall.h"

static enum exit_answer answer64(struct vcpu *v, u64 value)
{
	v->gpr[GPR_RAX] = 0;
	v->gpr[GPR_RBX] = (u32)value;
	v->gpr[GPR_RCX] = value >> 32;
	return EXIT_ADVANCE;
}

static enum exit_answer out_of_range(struct vcpu *v)
{
	v->gpr[GPR_RAX] = HC_ERANGE;
	return EXIT_ADVANCE;
}

static enum exit_answer hc_info(struct vcpu *v)
{
	switch ((u32)v->gpr[GPR_RCX]) {
	case HC_INFO_HV_BASE: return answer64(v, machine.hv_base);
	case HC_INFO_HV_SIZE: return answer64(v, machine.hv_size);
	case HC_INFO_LOW_BASE: return answer64(v, machine.low_base);
	case HC_INFO_LOW_SIZE: return answer64(v, machine.low_size);
	case HC_INFO_START_TSC: return answer64(v, machine.start_tsc);
	case HC_INFO_PROTECTED: return answer64(v, machine.protected);
	case HC_INFO_LAPIC_TRAPPED: return answer64(v, sipi_trapping());
	case HC_INFO_CR_UNEXPECTED: return answer64(v, cr_unexpected());
	case HC_INFO_CR_GUEST: return answer64(v, cr_verdicts(V_GUEST));
	case HC_INFO_CR_PLATFORM: return answer64(v, cr_verdicts(V_PLATFORM));
	case HC_INFO_CR_LAMINA: return answer64(v, cr_verdicts(V_LAMINA));
	case HC_INFO_CR_UNDECIDED: return answer64(v, cr_verdicts(V_UNDECIDED));
	case HC_INFO_CR_DROPPED: return answer64(v, cr_dropped());
	default: return out_of_range(v);
	}
}

static enum exit_answer hc_cr(struct vcpu *v)
{
	static const u8 reg[HC_CR_COUNT] = {
		[HC_CR0_HW] = REG_CR0,
		[HC_CR0_SHADOW] = REG_CR0_SHADOW,
		[HC_CR0_OWNED] = REG_CR0_OWNED,
		[HC_CR4_HW] = REG_CR4,
		[HC_CR4_SHADOW] = REG_CR4_SHADOW,
		[HC_CR4_OWNED] = REG_CR4_OWNED,
	};
	u32 item = (u32)v->gpr[GPR_RCX];

	return item < HC_CR_COUNT ? answer64(v, backend->state_get(v, reg[item])) : out_of_range(v);
}

static enum exit_answer hc_cr_own(struct vcpu *v)
{
	u32 cr = (u32)v->gpr[GPR_RCX];

	if (cr != 0 && cr != 4)
		return out_of_range(v);
	cr_own(v, cr == 4 ? CRM_CR4 : CRM_CR0,
	       (u32)v->gpr[GPR_RBX] | (u64)(u32)v->gpr[GPR_RDX] << 32);
	v->gpr[GPR_RAX] = 0;
	return EXIT_ADVANCE;
}

static enum exit_answer hc_verdict(struct vcpu *v)
{
	u32 cr = (u32)v->gpr[GPR_RCX];
	u64 read = (u32)v->gpr[GPR_RBX] | (u64)(u32)v->gpr[GPR_RDX] << 32;

	if (cr != 0 && cr != 4)
		return out_of_range(v);
	v->gpr[GPR_RBX] = cr_judge_read(v, cr == 4 ? CRM_CR4 : CRM_CR0, read);
	v->gpr[GPR_RAX] = 0;
	return EXIT_ADVANCE;
}

static enum exit_answer hc_log(struct vcpu *v)
{
	u32 what = (u32)v->gpr[GPR_RCX];

	if (what & ~HC_LOG_CR)
		return out_of_range(v);
	cr_log_all(what & HC_LOG_CR);
	v->gpr[GPR_RAX] = 0;
	return EXIT_ADVANCE;
}

static enum exit_answer info_hypercall(struct vcpu *v, u32 number)
{
	switch (number) {
	case HC_INFO: return hc_info(v);
	case HC_CR: return hc_cr(v);
	case HC_CR_OWN: return hc_cr_own(v);
	case HC_LOG: return hc_log(v);
	case HC_VERDICT: return hc_verdict(v);
	default: return EXIT_PASS;
	}
}

const struct hypapp info_hypapp = {
	.name = "info",
	.always = true,
	.hypercalls = HC_NS(0),
	.hypercall = info_hypercall,
};
