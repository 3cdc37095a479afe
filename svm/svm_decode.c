/* SPDX-License-Identifier: MIT */
/* From the VMCB to struct exit (AMD APM vol. 2, appendix C; 15.8 to 15.13 and 15.25.6). */
#include "svm/svm.h"

#include "core/gmem.h"
#include "hv/exit.h"
#include "x86/vector.h"

/* Which kind an exit code is; 0, EXIT_UNKNOWN, for the rest. */
static const u8 kind_of[SVM_CODE_COUNT] = {
	[SVM_INTR] = EXIT_INTR,	       [SVM_NMI] = EXIT_NMI,
	[SVM_INIT] = EXIT_INIT,	       [SVM_CR0_SEL_WRITE] = EXIT_CR,
	[SVM_CPUID] = EXIT_CPUID,      [SVM_IRET] = EXIT_STEP,
	[SVM_INVD] = EXIT_INVD,	       [SVM_IOIO] = EXIT_PORT,
	[SVM_MSR] = EXIT_RDMSR,	       [SVM_SHUTDOWN] = EXIT_SHUTDOWN,
	[SVM_VMRUN] = EXIT_VIRT_INSN,  [SVM_VMMCALL] = EXIT_HYPERCALL,
	[SVM_VMLOAD] = EXIT_VIRT_INSN, [SVM_VMSAVE] = EXIT_VIRT_INSN,
	[SVM_STGI] = EXIT_VIRT_INSN,   [SVM_CLGI] = EXIT_VIRT_INSN,
	[SVM_SKINIT] = EXIT_VIRT_INSN,
};

static enum exit_kind kind(u64 code)
{
	if (code <= SVM_CR15_WRITE)
		return EXIT_CR;
	if (code >= SVM_EXCEPTION && code <= SVM_EXCEPTION_LAST)
		return EXIT_EXCEPTION;
	if (code == SVM_NPF)
		return EXIT_SLAT;
	return code < SVM_CODE_COUNT ? kind_of[code] : EXIT_UNKNOWN;
}

static u32 insn_length(struct vcpu *v, u64 rip)
{
	u8 bytes[INSN_MAX_BYTES];
	struct insn i;
	int length;

	if (svm_caps.features & SVM_FEATURE_NRIP)
		return (u32)(vmcb_read(v, VMCB_NRIP) - rip);
	length =
		insn_decode(bytes, gmem_fetch(v, rip, bytes, sizeof(bytes)), gmem_code_mode(v), &i);
	return length > 0 ? (u32)length : 0;
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
	x->length = 0;
}

/* VMRUN and its like at CPL 3: without AMD-V they are #UD, but with EFER.SVME #GP comes first. */
static bool is_svm_insn(struct vcpu *v, u64 rip)
{
	u8 bytes[INSN_MAX_BYTES];
	struct insn i;

	if (vmcb_read(v, VMCB_EXITINTINFO) & EVENT_INFO_VALID)
		return false;
	return insn_decode(bytes, gmem_fetch(v, rip, bytes, sizeof(bytes)), gmem_code_mode(v), &i) >
		       0 &&
	       i.op == INSN_OTHER && i.opcode == 0x01 && i.modrm >= 0xd8 && i.modrm <= 0xdf;
}

static void decode_exception(struct vcpu *v, struct exit *x, u32 vector)
{
	x->length = 0;
	x->exception = (struct exit_exception){vector, (u32)vmcb_read(v, VMCB_EXITINFO1)};
	if (vector == VECTOR_SX) { /* an INIT, which is gone now (AMD APM vol. 2, 15.28) */
		x->kind = EXIT_INIT;
	} else if (vector == VECTOR_DB && svm_event_stepped(v)) {
		x->kind = EXIT_STEP;
	} else if (vector == VECTOR_GP && is_svm_insn(v, x->rip)) {
		x->kind = EXIT_VIRT_INSN;
		x->raw = (struct exit_raw){SVM_EXCEPTION + vector, 0, 0};
	} else {
		svm_event_redeliver(v);
	}
}

static void decode_raw(struct vcpu *v, struct exit *x, u32 code)
{
	x->raw =
		(struct exit_raw){code, vmcb_read(v, VMCB_EXITINFO1), vmcb_read(v, VMCB_EXITINFO2)};
}

void svm_decode(struct vcpu *v, struct exit *x)
{
	u64 code = vmcb_read(v, VMCB_EXITCODE);

	if ((u32)code == ~0u) /* one emulator stores 32 bits of it */
		svm_entry_failed(v);
	x->rip = vmcb_read(v, VMCB_RIP);
	x->length = 0;
	x->kind = kind(code);
	switch (x->kind) {
	case EXIT_CR: svm_decode_cr(v, x, (u32)code); break;
	case EXIT_PORT: decode_port(v, x); break;
	case EXIT_SLAT: decode_slat(v, x); break;
	case EXIT_EXCEPTION: decode_exception(v, x, (u32)code - SVM_EXCEPTION); break;
	case EXIT_RDMSR:
		x->length = insn_length(v, x->rip);
		if (vmcb_read(v, VMCB_EXITINFO1) & 1)
			x->kind = EXIT_WRMSR;
		break;
	case EXIT_CPUID:
	case EXIT_INVD:
	case EXIT_HYPERCALL: x->length = insn_length(v, x->rip); break;
	case EXIT_NMI:
		svm_event_redeliver(v);
		svm_event_nmi_exit(v);
		break;
	case EXIT_INTR: svm_event_redeliver(v); break;
	case EXIT_STEP: svm_event_iret(v); break;
	case EXIT_VIRT_INSN:
	case EXIT_UNKNOWN: decode_raw(v, x, (u32)code); break;
	default: break;
	}
}
