/* SPDX-License-Identifier: MIT */
/* Into the guest and back. */
#include "vmx/vmx.h"

#include "hv/exit.h"
#include "x86/insn.h"

void vmx_run(struct vcpu *v, struct exit *x)
{
	struct vmx_vcpu *m = vmx_of(v);
	u64 status;

	if (m->nmi_pending)
		vmx_event_prepare(v);
	status = vmx_enter(v, m->launched);
	if (status == VMX_ENTER_EXITED) {
		m->launched = 1;
		v->event_set = false;
		vmx_decode(v, x);
	} else if (status == VMX_ENTER_ABORTED) {
		/* an NMI came between the last look and the entry; what was set up stays set up */
		x->kind = EXIT_NMI;
		x->length = 0;
		x->rip = vmread(VMCS_GUEST_RIP);
	} else {
		vmx_entry_failed(v, status);
	}
}
