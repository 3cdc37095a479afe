/* SPDX-License-Identifier: MIT */
/* What a panic shows of the VMCB. */
#include "svm/svm_check.h"

#include "core/panic.h"
#include "lib/fmt.h"

static const struct {
	u32 field;
	const char *text;
} fields[] = {
#define VMCB_FIELD(name, offset, bytes, clean, text) {VMCB_##name, text},
#include "svm/svm_fields.def"
#undef VMCB_FIELD
};

/* QEMU's emulation stores the host's state where it refuses the guest's: what it loses. */
static const u32 kept[SVM_KEPT] = {
	VMCB_EVENTINJ, VMCB_EFER, VMCB_CR0,	VMCB_CR3, VMCB_CR4,
	VMCB_DR6,      VMCB_DR7,  VMCB_CS_ATTR, VMCB_RIP, VMCB_RSP,
};

__attribute__((noinline)) void svm_keep(struct vcpu *v)
{
	for (u32 i = 0; i < SVM_KEPT; i++)
		svm_of(v)->kept[i] = vmcb_read(v, kept[i]);
}

void svm_dump(struct vcpu *v, emit_fn emit)
{
	char line[120];

	for (u32 i = 0; i < ARRAY_SIZE(fields); i++) {
		fmt(line, sizeof(line), "VMCB %03x %-40s %016" FMT64 "x", fields[i].field & 0xfff,
		    fields[i].text, vmcb_read(v, fields[i].field));
		emit(line);
	}
	fmt(line, sizeof(line), "VMRUN checks that do not hold: %u", svm_check_all(v, emit));
	emit(line);
}

void svm_entry_failed(struct vcpu *v)
{
	for (u32 i = 0; svm_caps.tcg && i < SVM_KEPT; i++)
		vmcb_write(v, kept[i], svm_of(v)->kept[i]);
	panic("VMRUN refused the VMCB of CPU %u", v->index);
}
