/* SPDX-License-Identifier: MIT */
/* EFER.SVME, and the parts of the VMCB that never change (AMD APM vol. 2, 15.4, 15.5, 15.30). */
#include "svm/svm.h"

#include "core/page.h"
#include "x86/cpuid.h"
#include "x86/insn.h"
#include "x86/msr.h"
#include "x86/vector.h"

/* What exits: INTERCEPTS1 and INTERCEPTS2; INIT where VM_CR.R_INIT does not redirect it and GIF
 * holds it back. */
#define EXITS1                                                                                   \
	(INTERCEPT(SVM_NMI) | INTERCEPT(SVM_CPUID) | INTERCEPT(SVM_INVD) | INTERCEPT(SVM_IOIO) | \
	 INTERCEPT(SVM_INVLPGA) | INTERCEPT(SVM_MSR) | INTERCEPT(SVM_SHUTDOWN))
#define EXITS2 (INTERCEPT(SVM_SKINIT) * 2 - 1) /* VMRUN and all behind it */

err_t svm_enable(struct vcpu *v)
{
	struct svm_vcpu *m = v->arch;
	u64 vm_cr = 0;
	bool has_vm_cr = rdmsr_safe(MSR_VM_CR, &vm_cr); /* emulators lack the register */

	if (vm_cr & VM_CR_SVMDIS)
		return "AMD-V locked off by the firmware";
	if (!m) {
		m = page_alloc((sizeof(*m) + PAGE_SIZE - 1) / PAGE_SIZE);
		if (!m)
			return "too little memory for the VMCB";
		m->vmcb_pa = page_hpa(m->vmcb).v;
		m->host_pa = page_hpa(m->host).v;
		v->arch = m;
	}
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME | (svm_caps.nx ? EFER_NXE : 0));
	wrmsr(MSR_VM_HSAVE_PA, page_hpa(m->hsave).v);
	if (has_vm_cr)
		wrmsr_safe(MSR_VM_CR, vm_cr | VM_CR_R_INIT); /* an INIT becomes #SX */
	svm_caps.bochs = !(cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR) &&
			 !(rdmsr_safe(MSR_VM_CR, &vm_cr) && (vm_cr & VM_CR_R_INIT));
	return OK;
}

void svm_disable(struct vcpu *v)
{
	u64 vm_cr = 0;

	(void)v;
	stgi(); /* an INIT that waits comes now */
	if (rdmsr_safe(MSR_VM_CR, &vm_cr))
		wrmsr_safe(MSR_VM_CR, vm_cr & ~VM_CR_R_INIT);
	wrmsr(MSR_PAT, PAT_RESET);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SVME);
}

static void setup_controls(struct vcpu *v)
{
	/* QEMU does not make #DF of an exception in the delivery of one that was injected */
	u32 df = svm_caps.tcg ? 1u << VECTOR_TS | 1u << VECTOR_NP | 1u << VECTOR_SS : 0;

	/* #GP: the instructions of AMD-V at CPL 3; #SX: a redirected INIT */
	svm_of(v)->exceptions = 1u << VECTOR_GP | 1u << VECTOR_SX | df;
	vmcb_write(v, VMCB_EXC_INTERCEPTS, svm_of(v)->exceptions);
	vmcb_write(v, VMCB_INTERCEPTS1, EXITS1 | (svm_caps.bochs ? INTERCEPT(SVM_INIT) : 0));
	vmcb_write(v, VMCB_INTERCEPTS2, EXITS2);
	vmcb_write(v, VMCB_MSRPM, svm_msr_bitmap().v);
	vmcb_write(v, VMCB_IOPM, svm_io_bitmap().v);
	vmcb_write(v, VMCB_ASID, GUEST_ASID);
	vmcb_write(v, VMCB_TLB_CONTROL, TLB_FLUSH_ALL);
	vmcb_write(v, VMCB_NP_ENABLE, 1);
	vmcb_write(v, VMCB_EFER, EFER_SVME);
	vmcb_write(v, VMCB_CLEAN, 0);
}

/* The PAT for nested leaves; the guest has its own in the VMCB (AMD APM vol. 2, 15.25.2), but on
 * QEMU, where memory has no types: there is one for both. */
static void setup_host(struct vcpu *v)
{
	if (!svm_caps.tcg)
		wrmsr(MSR_PAT, NPT_PAT);
	vmsave(svm_of(v)->host_pa);
}

err_t svm_vcpu_init(struct vcpu *v)
{
	struct svm_vcpu *m = svm_of(v);
	err_t err = svm_trap_init();

	if (err)
		return err;
	m->nmis = 0;
	m->nmi_masked = m->stepping = false;
	setup_controls(v);
	setup_host(v);
	return OK;
}
