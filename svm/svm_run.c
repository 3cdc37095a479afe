/* SPDX-License-Identifier: MIT */
/* Into the guest and back. */
#include "svm/svm.h"

#include "hv/exit.h"

void svm_run(struct vcpu *v)
{
	svm_loop(v);
}

__attribute__((flatten)) void svm_exited(struct vcpu *v)
{
	struct exit x;

	v->gpr[GPR_RAX] = vmcb_read(v, VMCB_RAX);
	v->event_set = false;
	vmcb_write(v, VMCB_EVENTINJ, 0);
	vmcb_write(v, VMCB_TLB_CONTROL, 0);
	vmcb_write(v, VMCB_CLEAN, ~0u);
	svm_decode(v, &x);
	exit_dispatch(v, &x);
}

/* Whatever was set up for the entry stays set up. */
void svm_entry_aborted(struct vcpu *v)
{
	struct exit x = {.kind = EXIT_NMI, .rip = vmcb_read(v, VMCB_RIP)};

	exit_dispatch(v, &x);
}
