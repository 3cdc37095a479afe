/* SPDX-License-Identifier: MIT */
/* Into the guest and back. */
#include "svm/svm.h"

#include "hv/exit.h"

void svm_run(struct vcpu *v)
{
	if (svm_caps.tcg)
		svm_keep(v);
	svm_loop(v);
}

/* Every exit comes through here, flattened but for what is long. */
__attribute__((flatten)) void svm_exited(struct vcpu *v)
{
	struct exit x;

	v->gpr[GPR_RAX] = vmcb_read(v, VMCB_RAX);
	svm_decode(v, &x);
	if (exit_dispatch(v, &x))
		svm_advance(v, &x);
	if (svm_caps.tcg)
		svm_keep(v);
}

/* Whatever was set up for the entry stays set up. */
void svm_entry_aborted(struct vcpu *v)
{
	struct exit x = {.kind = EXIT_NMI, .rip = vmcb_read(v, VMCB_RIP)};

	exit_dispatch(v, &x);
	if (svm_caps.tcg)
		svm_keep(v);
}
