/* SPDX-License-Identifier: MIT */
/*
 * The guest's registers that are not in vcpu->gpr, by name. backend->state_get and state_set take
 * them; they live in the VMCS or the VMCB, so the calls are allowed only on the CPU that runs the
 * guest CPU, after its exit and before its next entry.
 */
#ifndef HV_CPU_STATE_H
#define HV_CPU_STATE_H

#include "hv/types.h"

/* General registers in encoding order (Intel SDM vol. 2A, table 2-2). RSP is not kept in gpr[]. */
/* clang-format off */
enum cpu_gpr {
	GPR_RAX, GPR_RCX, GPR_RDX, GPR_RBX, GPR_RSP, GPR_RBP, GPR_RSI, GPR_RDI,
	GPR_R8, GPR_R9, GPR_R10, GPR_R11, GPR_R12, GPR_R13, GPR_R14, GPR_R15,
	GPR_COUNT
};
/* clang-format on */

/* Segment registers in encoding order (Intel SDM vol. 2A, table 2-1), then the system ones. */
enum cpu_seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, SEG_COUNT };
enum cpu_seg_part { SEG_SEL, SEG_BASE, SEG_LIMIT, SEG_AR, SEG_PARTS };

enum cpu_reg {
	REG_RIP,
	REG_RSP,
	REG_RFLAGS,
	REG_CR0,	/* the real value; crm_read gives what the guest sees */
	REG_CR0_SHADOW, /* and behind it, in this order */
	REG_CR0_OWNED,
	REG_CR2,
	REG_CR3,
	REG_CR4,
	REG_CR4_SHADOW,
	REG_CR4_OWNED,
	REG_EFER,
	REG_PAT,
	REG_DR6,
	REG_DR7,
	REG_DEBUGCTL,
	REG_GDTR_BASE,
	REG_GDTR_LIMIT,
	REG_IDTR_BASE,
	REG_IDTR_LIMIT,
	REG_STAR, /* IA32_STAR and its like, to IA32_KERNEL_GS_BASE */
	REG_LSTAR,
	REG_CSTAR,
	REG_FMASK,
	REG_KERNEL_GS_BASE,
	REG_SYSENTER_CS,
	REG_SYSENTER_ESP,
	REG_SYSENTER_EIP,
	REG_PDPTE0, /* .. REG_PDPTE0 + 3 */
	REG_PDPTE3 = REG_PDPTE0 + 3,
	REG_INTERRUPTIBILITY, /* VT-x form: bit 0 STI, 1 MOV SS, 2 SMI, 3 NMI */
	REG_ACTIVITY,	      /* enum cpu_activity */
	REG_PENDING_DEBUG,
	REG_SEG0, /* REG_SEG(seg, part) */
	REG_COUNT = REG_SEG0 + SEG_COUNT * SEG_PARTS
};

#define REG_SEG(seg, part) ((enum cpu_reg)(REG_SEG0 + (seg)*SEG_PARTS + (part)))

/* Intel SDM vol. 3C, 25.4.2 */
enum cpu_activity { ACTIVITY_ACTIVE, ACTIVITY_HLT, ACTIVITY_SHUTDOWN, ACTIVITY_WAIT_SIPI };

#endif
