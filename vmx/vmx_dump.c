/* SPDX-License-Identifier: MIT */
/* What a panic shows of the VMCS. */
#include "vmx/vmx_check.h"

#include "core/panic.h"
#include "lib/fmt.h"
#include "x86/insn.h"

static const struct {
	u32 field;
	const char *text;
} fields[] = {
#define VMCS_FIELD(name, encoding, text) {encoding, text},
#include "vmx/vmx_fields.def"
#undef VMCS_FIELD
};

void vmx_dump(struct vcpu *v, emit_fn emit)
{
	char line[120];
	u64 value;

	(void)v;
	for (u32 i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!vmread_safe(fields[i].field, &value))
			continue;
		fmt(line, sizeof(line), "VMCS %04x %-40s %016" FMT64 "x", fields[i].field,
		    fields[i].text, value);
		emit(line);
	}
	fmt(line, sizeof(line), "VM-entry checks that do not hold: %u", vmx_check_all(emit));
	emit(line);
}

void vmx_entry_failed(struct vcpu *v)
{
	panic("VM entry failed on CPU %u: exit reason %" FMT64 "x, VM-instruction error %" FMT64
	      "u",
	      v->index, vmread(VMCS_EXIT_REASON), vmread(VMCS_INSN_ERROR));
}
