/* SPDX-License-Identifier: MIT */
/*
 * The test kernel as a small hypervisor (L1) whose guest (L2) is a few instructions: what is the
 * same for any vendor. On each CPU: l1_enable(), then l1_run() as often as one likes, then
 * l1_disable(); interrupts disabled. vmx.c does it with VT-x.
 */
#ifndef TESTKERNEL_L1_L1_H
#define TESTKERNEL_L1_L1_H

#include "hv/types.h"
#include "crmodel/crm.h"

struct l2_segment {
	u64 base;
	u32 limit;
	u32 ar; /* access rights as the VMCS stores them */
	u16 sel;
};

enum l2_segment_name { L2_ES, L2_CS, L2_SS, L2_DS, L2_FS, L2_GS, L2_LDTR, L2_TR, L2_SEGMENTS };

/* L2, before and after it ran. Segments are in only. */
struct l2 {
	u64 gpr[16]; /* by enum reg of trap.h, RSP too */
	u64 rip, rflags;
	struct crm_cr cr[CRM_CRS];
	u64 cr3, efer;
	u64 pdpte[4]; /* in use under PAE paging */
	struct l2_segment seg[L2_SEGMENTS];
	bool ia32e; /* out: the control that says so; in: EFER.LMA decides */
};

enum l2_exit_kind {
	L2_CALL, /* VMCALL or VMMCALL */
	L2_HALT,
	L2_CR,
	L2_EXCEPTION,
	L2_REFUSED, /* the entry found the guest's state invalid */
	L2_OTHER
};

struct l2_exit {
	enum l2_exit_kind kind;
	u32 reason; /* the vendor's number */
	u64 qualification, linear;
	u32 length; /* of the instruction, bytes */
	u32 vector; /* L2_EXCEPTION, and the next two */
	bool has_error;
	u32 error;
};

/* NULL, or what this machine lacks. CPU 0, once, before anything else. */
const char *l1_init(void);

void l1_enable(void);
void l1_disable(void);

/* Enters, and comes back with the exit. */
void l1_run(struct l2 *g, struct l2_exit *x);

/* What the CPU demands of CR0 and CR4 in guest mode, and what CR4 bits it has. */
void l1_limits(struct crm_cpu *cpu);

/* The exit qualification that an exiting CR access has. */
u64 l1_qualification(const struct crm_insn *i, u32 gpr, bool memory);

#endif
