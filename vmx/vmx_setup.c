/* SPDX-License-Identifier: MIT */
/* VMXON, and the parts of the VMCS that never change (Intel SDM vol. 3C, 24.7, 25.5 to 25.8). */
#include "vmx/vmx.h"

#include "core/page.h"
#include "core/trap.h"
#include "x86/cpuid.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"

/* A page that starts with the VMCS revision identifier, as VMXON and VMPTRLD want it. */
static void *vmx_page(hpa_t *pa)
{
	u32 *p = page_alloc(1);

	if (p) {
		*p = (u32)vmx_caps.basic & 0x7fffffff;
		*pa = page_hpa(p);
	}
	return p;
}

err_t vmx_enable(struct vcpu *v)
{
	struct vmx_vcpu *m = v->arch;
	u64 lock = rdmsr(MSR_FEATURE_CONTROL);

	if (!m) {
		m = page_alloc(1);
		if (!m || !vmx_page(&m->vmxon) || !vmx_page(&m->vmcs))
			return "too little memory for the VMCS";
		v->arch = m;
	}
	if (!(lock & FEATURE_CONTROL_LOCK))
		wrmsr(MSR_FEATURE_CONTROL,
		      lock | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX_NO_SMX);
	else if (!(lock & FEATURE_CONTROL_VMX_NO_SMX))
		return "VT-x locked off by the firmware";
	write_cr0((read_cr0() | vmx_caps.cr0_fixed0) & vmx_caps.cr0_fixed1);
	write_cr4((read_cr4() | vmx_caps.cr4_fixed0) & vmx_caps.cr4_fixed1);
	if (!vmxon(m->vmxon))
		return "VMXON failed";
	return OK;
}

void vmx_disable(struct vcpu *v)
{
	vmclear(vmx_of(v)->vmcs);
	vmxoff();
	write_cr4(read_cr4() & ~CR4_VMXE);
	v->launched = 0;
}

/* The wanted bits that are allowed, and the ones the CPU insists on. */
static u32 controls(u64 caps, u64 wanted)
{
	return (u32)((wanted & (caps >> 32)) | (u32)caps);
}

/* Nothing of this, and of the host's state what it does not use */
static const u16 zero[] = {
	VMCS_EXCEPTION_BITMAP,	   VMCS_PF_ERROR_MASK,	      VMCS_PF_ERROR_MATCH,
	VMCS_CR3_TARGET_COUNT,	   VMCS_EXIT_MSR_STORE_COUNT, VMCS_EXIT_MSR_LOAD_COUNT,
	VMCS_ENTRY_MSR_LOAD_COUNT, VMCS_ENTRY_INTR_INFO,      VMCS_TSC_OFFSET,
	VMCS_HOST_SS_SEL,	   VMCS_HOST_DS_SEL,	      VMCS_HOST_ES_SEL,
	VMCS_HOST_FS_SEL,	   VMCS_HOST_GS_SEL,	      VMCS_HOST_FS_BASE,
	VMCS_HOST_SYSENTER_CS,	   VMCS_HOST_SYSENTER_ESP,    VMCS_HOST_SYSENTER_EIP,
};

static void setup_controls(struct vmx_vcpu *m)
{
	/* VPIDs only where the guest's translations can be flushed by VPID */
	u64 vpid = vmx_caps.ept_vpid & EPT_CAP_INVVPID_ONE ? PROC2_VPID : 0;
	u32 proc2 =
		controls(vmx_caps.proc2, PROC2_EPT | PROC2_RDTSCP | vpid | PROC2_UNRESTRICTED |
						 PROC2_INVPCID | PROC2_XSAVES | PROC2_USER_WAIT);

	m->proc = controls(vmx_caps.proc, PROC_IO_BITMAPS | PROC_MSR_BITMAPS | PROC_SECONDARY);
	vmwrite(VMCS_PIN_CONTROLS, controls(vmx_caps.pin, PIN_NMI_EXITING | PIN_VIRTUAL_NMIS));
	vmwrite(VMCS_PROC_CONTROLS, m->proc);
	vmwrite(VMCS_PROC_CONTROLS2, proc2);
	vmwrite(VMCS_EXIT_CONTROLS,
		controls(vmx_caps.exit, EXIT_CTL_SAVE_DEBUG | EXIT_CTL_HOST64 | EXIT_CTL_SAVE_PAT |
						EXIT_CTL_LOAD_PAT | EXIT_CTL_SAVE_EFER |
						EXIT_CTL_LOAD_EFER));
	vmwrite(VMCS_ENTRY_CONTROLS,
		controls(vmx_caps.entry,
			 ENTRY_CTL_LOAD_DEBUG | ENTRY_CTL_LOAD_PAT | ENTRY_CTL_LOAD_EFER));
	vmwrite(VMCS_VMCS_LINK, ~0ULL);
	if (proc2 & PROC2_XSAVES)
		vmwrite(VMCS_XSS_EXIT_BITMAP, 0);
	vmwrite(VMCS_MSR_BITMAP, vmx_msr_bitmap().v);
	vmwrite(VMCS_IO_BITMAP_A, vmx_io_bitmap(0).v);
	vmwrite(VMCS_IO_BITMAP_B, vmx_io_bitmap(1).v);
}

static void setup_host(struct vcpu *v)
{
	struct pcpu *p = gs_self();

	vmwrite(VMCS_HOST_CR0, read_cr0());
	vmwrite(VMCS_HOST_CR3, read_cr3());
	vmwrite(VMCS_HOST_CR4, read_cr4());
	vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(VMCS_HOST_PAT, PAT_RESET);
	vmwrite(VMCS_HOST_CS_SEL, SEL_CODE64);
	vmwrite(VMCS_HOST_TR_SEL, SEL_TSS);
	vmwrite(VMCS_HOST_GS_BASE, (uintptr_t)p);
	vmwrite(VMCS_HOST_TR_BASE, (uintptr_t)&p->tss);
	vmwrite(VMCS_HOST_GDTR_BASE, (uintptr_t)p->gdt);
	vmwrite(VMCS_HOST_IDTR_BASE, trap_idt_base());
	vmwrite(VMCS_HOST_RSP, (uintptr_t)v + VCPU_GPR_END);
	vmwrite(VMCS_HOST_RIP, (uintptr_t)vmx_exit_entry);
}

err_t vmx_vcpu_init(struct vcpu *v)
{
	struct vmx_vcpu *m = vmx_of(v);
	err_t err = vmx_trap_init();

	if (err)
		return err;
	if (!vmclear(m->vmcs) || !vmptrld(m->vmcs))
		return "VMPTRLD failed";
	v->launched = 0;
	m->nmis = 0;
	for (u32 i = 0; i < ARRAY_SIZE(zero); i++)
		vmwrite(zero[i], 0);
	setup_controls(m);
	setup_host(v);
	if (vmread(VMCS_PROC_CONTROLS2) & PROC2_VPID)
		vmwrite(VMCS_VPID, v->index + 1);
	return OK;
}
