/* SPDX-License-Identifier: MIT */
/* From the VMCB to struct exit (AMD APM vol. 2, appendix C; 15.8 to 15.13 and 15.25.6). */
#include "svm/svm.h"

#include "hv/gmem.h"
#include "hv/exit.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/rflags.h"
#include "x86/vector.h"

/* Which kind an exit code is; 0, EXIT_UNKNOWN, for the rest. */
static const u8 kind_of[SVM_CODE_COUNT] = {
	[SVM_CR0_READ... SVM_CR15_WRITE] = EXIT_CR,
	[SVM_EXCEPTION... SVM_EXCEPTION_LAST] = EXIT_EXCEPTION,
	[SVM_INTR] = EXIT_INTR,
	[SVM_NMI] = EXIT_NMI,
	[SVM_INIT] = EXIT_INIT,
	[SVM_CR0_SEL_WRITE] = EXIT_CR,
	[SVM_IRET] = EXIT_STEP,
	[SVM_INVD] = EXIT_INVD,
	[SVM_INVLPGA] = EXIT_VIRT_INSN,
	[SVM_IOIO] = EXIT_PORT,
	[SVM_MSR] = EXIT_RDMSR,
	[SVM_SHUTDOWN] = EXIT_SHUTDOWN,
	[SVM_VMRUN] = EXIT_VIRT_INSN,
	[SVM_VMMCALL] = EXIT_HYPERCALL,
	[SVM_VMLOAD... SVM_SKINIT] = EXIT_VIRT_INSN,
};

static enum exit_kind kind(u64 code)
{
	if (code < SVM_CODE_COUNT)
		return kind_of[code];
	return code == SVM_NPF ? EXIT_SLAT : EXIT_UNKNOWN;
}

static u32 insn_length(struct vcpu *v, u64 rip)
{
	struct insn i;

	return svm_caps.features & SVM_FEATURE_NRIP ? (u32)(vmcb_read(v, VMCB_NRIP) - rip)
						    : gmem_insn(v, rip, &i);
}

/* The source of LMSW: a register, or two bytes of memory. */
static bool lmsw_source(struct vcpu *v, const struct insn *i, u16 *out)
{
	u64 linear;

	if (!i->has_mem) {
		*out = (u16)(i->rm.number == GPR_RSP ? vmcb_read(v, VMCB_RSP)
						     : v->gpr[i->rm.number]);
		return true;
	}
	linear = gmem_operand(v, i);
	return gmem_read(v, linear, out, sizeof(*out)) == sizeof(*out);
}

/* CR accesses come without their operands: find them in the instruction. */
static void decode_cr(struct vcpu *v, struct exit *x)
{
	u64 efer = svm_state_get(v, REG_EFER);
	bool lma = (efer & EFER_LME) && (vmcb_read(v, VMCB_CR0) & CR0_PG);
	struct insn i = {0};

	/* Bochs has changed LMA before it finds the intercept */
	svm_state_set(v, REG_EFER, lma ? efer | EFER_LMA : efer & ~EFER_LMA);
	x->length = gmem_insn(v, x->rip, &i);
	x->cr = (struct exit_cr){.cr = 0};
	if (x->length && (i.op == INSN_MOV_TO_CR || i.op == INSN_MOV_FROM_CR)) {
		x->cr.cr = i.reg.number;
		x->cr.gpr = i.rm.number;
		x->cr.access = i.op == INSN_MOV_TO_CR ? CR_MOV_TO : CR_MOV_FROM;
	} else if (x->length && i.op == INSN_CLTS) {
		x->cr.access = CR_CLTS;
	} else if (x->length && i.op == INSN_LMSW && lmsw_source(v, &i, &x->cr.lmsw)) {
		x->cr.access = CR_LMSW;
	} else {
		x->kind = EXIT_UNKNOWN; /* the code has changed, or cannot be read */
	}
}

static void decode_port(struct vcpu *v, struct exit *x)
{
	u64 info = vmcb_read(v, VMCB_EXITINFO1);

	x->port = (struct exit_port){
		.port = (u16)(info >> 16),
		.size = info >> 4 & 7,
		.in = info & 1,
		.string = info >> 2 & 1,
	};
	x->length = (u32)(vmcb_read(v, VMCB_EXITINFO2) - x->rip);
}

static void decode_slat(struct vcpu *v, struct exit *x)
{
	u64 info = vmcb_read(v, VMCB_EXITINFO1);

	x->slat = (struct exit_slat){
		.gpa = GPA(vmcb_read(v, VMCB_EXITINFO2)),
		.access = info & NPF_FETCH   ? SLAT_EXEC
			  : info & NPF_WRITE ? SLAT_WRITE
					     : SLAT_READ,
		.misconfigured = info & NPF_RESERVED,
	};
	svm_event_redeliver(v);
}

/* VMRUN and its like at CPL 3: without AMD-V they are #UD, but with EFER.SVME #GP comes first. */
static bool is_svm_insn(struct vcpu *v, u64 rip)
{
	struct insn i;

	return !(vmcb_read(v, VMCB_EXITINTINFO) & EVENT_INFO_VALID) && gmem_insn(v, rip, &i) &&
	       i.op == INSN_OTHER && i.opcode == 0x01 && i.modrm >= 0xd8 && i.modrm <= 0xdf;
}

static void decode_exception(struct vcpu *v, struct exit *x, u32 vector)
{
	x->exception = (struct exit_exception){
		.vector = vector,
		.error = (u32)vmcb_read(v, VMCB_EXITINFO1),
		.info = vmcb_read(v, vector == VECTOR_DB ? VMCB_DR6 : VMCB_EXITINFO2),
	};
	if (vector == VECTOR_SX) { /* an INIT, which is gone now (AMD APM vol. 2, 15.28) */
		x->kind = EXIT_INIT;
	} else if (vector == VECTOR_DB && svm_event_stepped(v)) {
		x->kind = EXIT_STEP;
	} else if (vector == VECTOR_GP && is_svm_insn(v, x->rip)) {
		x->kind = EXIT_VIRT_INSN;
	} else {
		svm_event_redeliver(v);
	}
}

/*
 * The IRET that ends an NMI's handler: one that returns to another task cannot be stepped over, as
 * TF is not its successor's.
 */
static void decode_iret(struct vcpu *v, struct exit *x)
{
	u64 rflags = vmcb_read(v, VMCB_RFLAGS), cr0 = vmcb_read(v, VMCB_CR0);

	if (!(rflags & RFLAGS_NT) || (rflags & RFLAGS_VM) || !(cr0 & CR0_PE) ||
	    (svm_state_get(v, REG_EFER) & EFER_LMA)) {
		svm_event_iret(v);
		return;
	}
	x->kind = EXIT_TASK_SWITCH;
	x->length = insn_length(v, x->rip);
	x->task = (struct exit_task){.source = TASK_IRET};
	gmem_read(v, vmcb_read(v, VMCB_TR_BASE), &x->task.selector, sizeof(x->task.selector));
	svm_event_nmi_over(v);
}

/* Exits that are no instruction. */
static void decode_event(struct vcpu *v, struct exit *x)
{
	if (x->kind == EXIT_STEP) { /* an IRET is about to run */
		decode_iret(v, x);
		return;
	}
	svm_event_redeliver(v);
	if (x->kind == EXIT_NMI)
		svm_event_nmi_window(v);
}

/* What was set up for the entry is done. */
static void entry_done(struct vcpu *v)
{
	u8 *vmcb = svm_of(v)->vmcb;

	v->event_set = false;
	vmcb_put(vmcb, VMCB_EVENTINJ, 0);
	vmcb_put(vmcb, VMCB_TLB_CONTROL, 0);
	vmcb_put(vmcb, VMCB_CLEAN, svm_caps.clean);
}

__attribute__((noinline)) static void decode_any(struct vcpu *v, struct exit *x, u64 code)
{
	if ((u32)code == ~0u) /* one emulator stores 32 bits of it */
		svm_entry_failed(v);
	entry_done(v);
	x->length = 0;
	x->kind = kind(code);
	switch (x->kind) {
	case EXIT_CR: decode_cr(v, x); break;
	case EXIT_PORT: decode_port(v, x); break;
	case EXIT_SLAT: decode_slat(v, x); break;
	case EXIT_EXCEPTION: decode_exception(v, x, (u32)code - SVM_EXCEPTION); break;
	case EXIT_RDMSR:
		x->length = insn_length(v, x->rip);
		if (vmcb_read(v, VMCB_EXITINFO1) & 1)
			x->kind = EXIT_WRMSR;
		break;
	case EXIT_INVD:
	case EXIT_HYPERCALL: x->length = insn_length(v, x->rip); break;
	case EXIT_INTR:
	case EXIT_NMI:
	case EXIT_STEP: decode_event(v, x); break;
	default: break;
	}
	if (x->kind == EXIT_VIRT_INSN || x->kind == EXIT_UNKNOWN)
		x->raw = (struct exit_raw){(u32)code, vmcb_read(v, VMCB_EXITINFO1),
					   vmcb_read(v, VMCB_EXITINFO2)};
}

/* CPUID first: four exits of five are that. */
void svm_decode(struct vcpu *v, struct exit *x)
{
	u64 code = vmcb_read(v, VMCB_EXITCODE);

	x->rip = vmcb_read(v, VMCB_RIP);
	if (code != SVM_CPUID) {
		decode_any(v, x, code);
		return;
	}
	x->kind = EXIT_CPUID;
	x->length = insn_length(v, x->rip);
	entry_done(v);
}
