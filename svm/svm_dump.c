/* SPDX-License-Identifier: MIT */
/* What a panic shows of the VMCB, and what VMRUN checks in it (AMD APM vol. 2, 15.5.1). */
#include "svm/svm.h"

#include "core/panic.h"
#include "lib/fmt.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/seg.h"

static const struct {
	u32 field;
	const char *text;
} fields[] = {
#define VMCB_FIELD(name, offset, bytes, text) {VMCB_##name, text},
#include "svm/svm_fields.def"
#undef VMCB_FIELD
};

static u32 check(emit_fn emit, bool ok, const char *text)
{
	char line[120];

	if (ok)
		return 0;
	fmt(line, sizeof(line), "CHECK FAILED: %s", text);
	emit(line);
	return 1;
}

static u32 check_all(struct vcpu *v, emit_fn emit)
{
	u64 cr0 = vmcb_read(v, VMCB_CR0), cr4 = vmcb_read(v, VMCB_CR4);
	u64 efer = vmcb_read(v, VMCB_EFER), cs = svm_state_get(v, REG_SEG(SEG_CS, SEG_AR));
	bool lme_pg = (efer & EFER_LME) && (cr0 & CR0_PG);
	u64 inject = vmcb_read(v, VMCB_EVENTINJ);

	return check(emit, efer & EFER_SVME, "EFER.SVME is 0") +
	       check(emit, (cr0 & CR0_CD) || !(cr0 & CR0_NW), "CR0.NW without CR0.CD") +
	       check(emit, !(cr0 >> 32), "CR0[63:32] is not 0") +
	       check(emit, !(cr4 & ~svm_caps.cr4), "CR4 has reserved bits") +
	       check(emit, !(vmcb_read(v, VMCB_DR6) >> 32), "DR6[63:32] is not 0") +
	       check(emit, !(vmcb_read(v, VMCB_DR7) >> 32), "DR7[63:32] is not 0") +
	       check(emit, !lme_pg || (cr4 & CR4_PAE), "EFER.LME and CR0.PG without CR4.PAE") +
	       check(emit, !lme_pg || (cr0 & CR0_PE), "EFER.LME and CR0.PG without CR0.PE") +
	       check(emit, !lme_pg || !(cs & SEG_AR_L) || !(cs & SEG_AR_DB), "CS.L and CS.D") +
	       check(emit, vmcb_read(v, VMCB_INTERCEPTS2) & INTERCEPT(SVM_VMRUN),
		     "VMRUN is not intercepted") +
	       check(emit, vmcb_read(v, VMCB_ASID) != 0, "ASID is 0") +
	       check(emit,
		     !(inject & EVENT_INFO_VALID) || EVENT_INFO_TYPE(inject) != EVENT_TYPE_EXC ||
			     (EVENT_INFO_VECTOR(inject) < 32 && EVENT_INFO_VECTOR(inject) != 2),
		     "EVENTINJ: no such exception") +
	       check(emit, !(vmcb_read(v, VMCB_N_CR3) & (PAGE_SIZE - 1)), "nested CR3");
}

void svm_dump(struct vcpu *v, emit_fn emit)
{
	char line[120];

	for (u32 i = 0; i < ARRAY_SIZE(fields); i++) {
		fmt(line, sizeof(line), "VMCB %03x %-40s %016" FMT64 "x", fields[i].field & 0xfff,
		    fields[i].text, vmcb_read(v, fields[i].field));
		emit(line);
	}
	fmt(line, sizeof(line), "VMRUN checks that do not hold: %u", check_all(v, emit));
	emit(line);
}

void svm_entry_failed(struct vcpu *v)
{
	panic("VMRUN refused the VMCB of CPU %u", v->index);
}
