/* SPDX-License-Identifier: MIT */
/* From the VMCS to struct exit (Intel SDM vol. 3D, appendix C; vol. 3C, 28.2.1). */
#include "vmx/vmx.h"

#include "core/trap.h"
#include "hv/exit.h"
#include "x86/insn.h"
#include "x86/vector.h"

/* Which kind an exit reason is; 0, EXIT_UNKNOWN, for the rest. */
static const u8 kind_of[VMX_REASON_COUNT] = {
	[VMX_EXCEPTION_OR_NMI] = EXIT_EXCEPTION,
	[VMX_EXTERNAL_INTERRUPT] = EXIT_INTR,
	[VMX_TRIPLE_FAULT] = EXIT_SHUTDOWN,
	[VMX_INIT] = EXIT_INIT,
	[VMX_SIPI] = EXIT_SIPI,
	[VMX_NMI_WINDOW] = EXIT_NMI_WINDOW,
	[VMX_TASK_SWITCH] = EXIT_TASK_SWITCH,
	[VMX_CPUID] = EXIT_CPUID,
	[VMX_GETSEC] = EXIT_VIRT_INSN,
	[VMX_INVD] = EXIT_INVD,
	[VMX_VMCALL] = EXIT_HYPERCALL,
	[VMX_VMCLEAR... VMX_VMXON] = EXIT_VIRT_INSN,
	[VMX_CR_ACCESS] = EXIT_CR,
	[VMX_IO] = EXIT_PORT,
	[VMX_RDMSR] = EXIT_RDMSR,
	[VMX_WRMSR] = EXIT_WRMSR,
	[VMX_EPT_VIOLATION] = EXIT_SLAT,
	[VMX_EPT_MISCONFIG] = EXIT_SLAT,
	[VMX_INVEPT] = EXIT_VIRT_INSN,
	[VMX_PREEMPTION_TIMER] = EXIT_TIMER,
	[VMX_INVVPID] = EXIT_VIRT_INSN,
	[VMX_XSETBV] = EXIT_XSETBV,
	[VMX_VMFUNC] = EXIT_VIRT_INSN,
};

static void decode_cr(struct exit *x)
{
	u64 qual = vmread(VMCS_EXIT_QUALIFICATION);

	x->cr = (struct exit_cr){
		.cr = qual & 15,
		.access = qual >> 4 & 3,
		.gpr = qual >> 8 & 15,
		.lmsw = (u16)(qual >> 16),
	};
}

static void decode_port(struct exit *x)
{
	u64 qual = vmread(VMCS_EXIT_QUALIFICATION);

	x->port = (struct exit_port){
		.port = (u16)(qual >> 16),
		.size = (qual & 7) + 1,
		.in = qual >> 3 & 1,
		.string = qual >> 4 & 1,
	};
}

/* IRET unblocked NMIs before the exit cut it short: it will run again, so block them again
 * (Intel SDM vol. 3C, 28.2.3). */
static void undo_iret(u64 nmi_unblocked)
{
	if (nmi_unblocked && !(vmread(VMCS_IDT_VECTORING_INFO) & INTR_INFO_VALID))
		vmwrite(VMCS_GUEST_INTERRUPTIBILITY,
			vmread(VMCS_GUEST_INTERRUPTIBILITY) | INTERRUPTIBILITY_NMI);
}

static void decode_slat(struct vcpu *v, struct exit *x, u32 reason)
{
	u64 qual = vmread(VMCS_EXIT_QUALIFICATION);

	x->slat = (struct exit_slat){
		.gpa = GPA(vmread(VMCS_GUEST_PHYS_ADDR)),
		.access = qual & (SLAT_READ | SLAT_WRITE | SLAT_EXEC),
		.misconfigured = reason == VMX_EPT_MISCONFIG,
	};
	if (reason == VMX_EPT_VIOLATION)
		undo_iret(qual & BIT(12));
	vmx_event_redeliver(v);
	x->length = 0;
}

static void decode_exception(struct vcpu *v, struct exit *x)
{
	u64 info = vmread(VMCS_EXIT_INTR_INFO);

	vmx_event_redeliver(v);
	x->length = 0;
	if (INTR_INFO_TYPE(info) == INTR_TYPE_NMI) {
		x->kind = EXIT_NMI;
		atomic_fetch_add(&v->nmi_root, 1);
		trap_unblock_nmi();
		return;
	}
	undo_iret(info & INTR_INFO_NMI_UNBLOCK);
	x->exception =
		(struct exit_exception){INTR_INFO_VECTOR(info), (u32)vmread(VMCS_EXIT_INTR_ERROR),
					vmread(VMCS_EXIT_QUALIFICATION)};
}

/* The event whose gate led here is delivered by the switch. */
static void decode_task(struct exit *x)
{
	u64 qual = vmread(VMCS_EXIT_QUALIFICATION), info = vmread(VMCS_IDT_VECTORING_INFO);
	u32 type = INTR_INFO_TYPE(info);

	x->task = (struct exit_task){.selector = (u16)qual, .source = qual >> 30 & 3};
	if (x->task.source != TASK_GATE)
		return;
	x->task.external = type != INTR_TYPE_SOFT_INT && type != INTR_TYPE_SOFT_EXC;
	x->task.nmi = type == INTR_TYPE_NMI;
	x->task.has_error = info & INTR_INFO_ERROR;
	x->task.error = (u32)vmread(VMCS_IDT_VECTORING_ERROR);
	if (x->task.external && type != INTR_TYPE_PRIV_SOFT_EXC)
		x->length = 0;
}

/* Exits that are no instruction. */
static void decode_event(struct exit *x)
{
	x->length = 0;
	if (x->kind == EXIT_SIPI) {
		x->vector = vmread(VMCS_EXIT_QUALIFICATION) & 0xff;
		trap_unblock_nmi();
	}
	/* Some processors report SMI blocking left over from wait-for-SIPI; no entry accepts it. */
	vmwrite(VMCS_GUEST_INTERRUPTIBILITY,
		vmread(VMCS_GUEST_INTERRUPTIBILITY) & ~INTERRUPTIBILITY_SMI);
}

void vmx_decode(struct vcpu *v, struct exit *x)
{
	u32 reason = (u32)vmread(VMCS_EXIT_REASON);

	if (reason & EXIT_REASON_ENTRY_FAILED)
		vmx_entry_failed(v);
	x->rip = vmread(VMCS_GUEST_RIP);
	x->length = (u32)vmread(VMCS_EXIT_INSN_LENGTH);
	x->kind = reason < VMX_REASON_COUNT ? kind_of[reason] : EXIT_UNKNOWN;
	switch (x->kind) {
	case EXIT_CR: decode_cr(x); break;
	case EXIT_PORT: decode_port(x); break;
	case EXIT_SLAT: decode_slat(v, x, reason); break;
	case EXIT_EXCEPTION: decode_exception(v, x); break;
	case EXIT_INTR:
	case EXIT_INIT:
	case EXIT_SIPI:
	case EXIT_TIMER:
	case EXIT_SHUTDOWN: decode_event(x); break;
	case EXIT_NMI_WINDOW:
		decode_event(x);
		vmx_event_nmi_window(v);
		break;
	case EXIT_TASK_SWITCH: decode_task(x); break;
	case EXIT_VIRT_INSN:
	case EXIT_UNKNOWN:
		x->raw = (struct exit_raw){reason, vmread(VMCS_EXIT_QUALIFICATION), 0};
		break;
	default: break;
	}
}
