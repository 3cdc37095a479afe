/* SPDX-License-Identifier: MIT */
/*
 * The test kernel as a small hypervisor (L1) whose guest (L2) is a few instructions: what is the
 * same for any vendor, and the interface to what is not. On each CPU: l1->enable(), then l1->run()
 * as often as one likes, then l1->disable(); interrupts disabled. vmx.c does it with VT-x, svm.c
 * with AMD-V.
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

/* L2, before and after it ran. Segments and intercepts are in only. */
struct l2 {
	u64 gpr[16]; /* by enum reg of trap.h, RSP too */
	u64 rip, rflags;
	struct crm_cr cr[CRM_CRS];	      /* AMD-V leaves shadow and owned alone */
	struct crm_intercepts traps[CRM_CRS]; /* AMD-V */
	u64 cr3, efer;
	u64 pdpte[4]; /* in use under PAE paging; AMD-V has no place for them */
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
	u32 length;	/* of the instruction, bytes; 0: not told */
	u32 vector;	/* L2_EXCEPTION, and the next two */
	bool has_error; /* as far as that is told */
	u32 error;
};

struct l1_vendor {
	const char *(*init)(void); /* CPU 0, once: NULL, or what this machine lacks */
	void (*enable)(void);
	void (*disable)(void);

	/* Enters, and comes back with the exit. */
	void (*run)(struct l2 *g, struct l2_exit *x);

	/* What the CPU demands of CR0 and CR4 in guest mode, and what CR4 bits it has. */
	void (*limits)(struct crm_cpu *cpu);

	/* What the exit of a CR access tells: reason, and qualification; `length` and `linear`, of
	 * an operand in memory or 0, as given, or 0 where they are not told. */
	void (*cr_exit)(const struct crm_cpu *cpu, const struct crm_insn *i, u32 gpr,
			struct l2_exit *x);

	/* The access that exited in 32-bit code, a MOV, and its register; returns its length,
	 * bytes. */
	u32 (*exited)(const struct l2 *g, const struct l2_exit *x, struct crm_insn *i, u32 *gpr);

	u8 call[3];	  /* the instruction by which L2 ends */
	bool tells_error; /* whether an exception has an error code */
};

extern const struct l1_vendor l1_vmx, l1_svm;
extern const struct l1_vendor *l1; /* this machine's */

/* CPU 0, once, before anything else: chooses l1. NULL, or what this machine lacks. */
const char *l1_init(void);

/* The bits of a register that are always 1 in guest mode, and so have to be owned. */
u64 l1_forced(enum crm_name name);

/* The first 4 GiB one to one, by 2 MiB pages: fills the tables of EPT or NPT, whose entries start
 * with `table` and `leaf`. Returns the address of the root. */
u64 l1_slat(u64 table, u64 leaf);

#endif
