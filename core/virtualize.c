/* SPDX-License-Identifier: MIT */
#include "core/virtualize.h"

#include "core/core.h"
#include "core/sipi.h"
#include "core/slat.h"
#include "core/this_cpu.h"
#include "x86/insn.h"
#include "x86/msr.h"

static _Atomic(err_t) ap_error;

u32 this_cpu(void)
{
	struct pcpu *p = gs_self();

	return p->index;
}

err_t virtualize_prepare(struct pcpu *p)
{
	u64 pat = rdmsr(MSR_PAT);
	err_t err = backend->enable(&p->vcpu);

	if (err)
		return err;
	err = backend->vcpu_init(&p->vcpu);
	if (err)
		backend->disable(&p->vcpu);
	else if (p->fresh) { /* from then on they are the guest's, and no INIT changes them */
		backend->state_set(&p->vcpu, REG_PAT, pat);
		for (u32 r = REG_STAR; r <= REG_KERNEL_GS_BASE; r++)
			backend->state_set(&p->vcpu, (enum cpu_reg)r, 0);
		p->fresh = false;
	}
	return err;
}

err_t virtualize_ap_error(void)
{
	return atomic_load(&ap_error);
}

/* From here on everything Lamina does happens in exit_dispatch. */
void virtualize_run(struct pcpu *p)
{
	atomic_store(&p->pub.up, 1);
	backend->run(&p->vcpu);
	__builtin_unreachable();
}

void virtualize_ap(struct pcpu *p)
{
	err_t err = virtualize_prepare(p);

	if (err) {
		atomic_store(&ap_error, err);
		atomic_store(&p->pub.up, 1);
		for (;;) /* an INIT takes this CPU out of here */
			cpu_halt();
	}
	backend->slat_root(&p->vcpu, slat_root());
	if (p->init_exited)
		sipi_resume(&p->vcpu);
	else
		sipi_wait_first(&p->vcpu);
	virtualize_run(p);
}
