/* SPDX-License-Identifier: MIT */
/* One CR access of a guest in some state: how it is put together, run, and held against the model.
 */
#ifndef TESTKERNEL_L1_CASE_H
#define TESTKERNEL_L1_CASE_H

#include "testkernel/l1/l1.h"

enum l2_mode {
	L2_REAL,   /* 16-bit */
	L2_FLAT,   /* 32-bit, no paging */
	L2_PAGED,  /* 32-bit paging */
	L2_PAE,	   /* PAE paging */
	L2_COMPAT, /* compatibility mode */
	L2_LONG,   /* 64-bit mode */
	L2_V86,	   /* virtual-8086 mode, with or without paging */
	L2_MODES
};

/* Numbers only, so that it can be printed and read back as words of one kind. */
struct l1_case {
	u64 mode; /* enum l2_mode */
	u64 cpl, cs_l, tss16;
	u64 op;	  /* enum crm_op */
	u64 num;  /* of the control register, for MOV */
	u64 gpr;  /* operand register; not used if */
	u64 mem;  /*   the operand is in memory */
	u64 bits; /* operand size of SMSW: 16, 32, 64 */
	u64 value;
	struct crm_cr cr[CRM_CRS];
	u64 cr3_low; /* bits 11:0 of CR3 */
	u64 efer;
	u64 pdpte; /* bits 11:9 of the four PDPTEs in memory; bit 3: entry bits 5:4 is invalid */
	u64 traps; /* AMD-V: enum l1_trap, or'ed: intercepts besides those that cr[] asks for */
};

/* The intercepts of AMD-V. Those that the owned bits ask for are set anyway. */
enum l1_trap {
	L1_READ_CR0 = 1,
	L1_WRITE_CR0 = 2,
	L1_SELECTIVE = 4,
	L1_READ_CR4 = 8,
	L1_WRITE_CR4 = 16,
	L1_TRAPS = 32 /* combinations */
};

#define L1_CASE_WORDS (sizeof(struct l1_case) / sizeof(u64))

/* Where a platform is known to differ from the manual, and this alone is accepted
 * (doc/cr-platforms.md). */
enum l1_oddity {
	L1_SPARE_RELOAD = 1, /* PDPTEs were loaded though nothing asked for it */
	L1_REAL_ERROR = 2,   /* #GP of real mode was reported with an error code, 0 */
	L1_EXIT_FIRST = 8,   /* an intercepted write of a bad value exited, and was no #GP */
	L1_EARLY_LMA = 4     /* EFER.LMA was changed though the write of CR0.PG exited */
};

struct l1_result {
	struct crm_result due; /* what the model says */
	struct l2 after;
	struct l2_exit x;
	u64 value;	   /* read by the instruction, or after it by MOV from the same register */
	bool left_out;	   /* not run, because of a quirk of the platform (quirks.h) */
	const char *wrong; /* NULL: all is as it must be; else what differs, */
	u64 want, got;	   /*   and how */
	u32 odd;	   /* enum l1_oddity, or'ed */
};

/* The case's registers are such that an entry accepts them and the guest can run. */
bool l1_enterable(const struct l1_case *c);

/* Runs it on this CPU and compares; but for a case that is left out, of which only `due` is told.
 */
void l1_try(const struct l1_case *c, struct l1_result *r);

/* The CPU of the model in this state. */
void l1_model(const struct l1_case *c, struct crm_cpu *cpu);

struct crm_insn l1_insn(const struct l1_case *c);

/* A friendly start: the mode at CPL 0, nothing owned but what VMX operation forces. */
void l1_plain(struct l1_case *c, enum l2_mode mode);

/* Fills a case that l1_enterable() accepts. */
void l1_random(struct l1_case *c, u64 *seed);

const char *l1_mode_name(u64 mode);

/* Prints a case in words, and as the word of the command line that runs it again. */
void l1_print(const struct l1_case *c);

/* Reads what l1_print() printed behind `level1=`. */
bool l1_parse(const char *text, struct l1_case *c);

#endif
