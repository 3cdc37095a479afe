/* SPDX-License-Identifier: MIT */
/*
 * Carries out a list of operations on control registers on the calling CPU, each in the processor
 * mode into which those before it have brought the CPU: real mode, protected mode with or without
 * paging of any kind, compatibility and 64-bit mode, and CPL 3 and virtual-8086 mode in between. A
 * fault ends an operation and the list goes on; a result that is not the one foreseen ends the
 * list. In the end the CPU is back where it was.
 *
 * All code and data lie below 4 MiB and are identity mapped by one set of tables that are 32-bit,
 * PAE, 4-level and 5-level tables at once, so that paging may change its kind at any time: CR3 =
 * crx_tables() with CRX_PDPT added, or without for 4 and 5 levels and 32-bit paging.
 */
#ifndef TESTKERNEL_CREXEC_H
#define TESTKERNEL_CREXEC_H

#include "hv/types.h"
#include "testkernel/crexec_layout.h"

/* Offset of the page-directory-pointer table in the page of tables: the other kinds of paging
 * ignore it, or take it for a PCID. */
#define CRX_PDPT 0xfe0u

struct crx_op {	     /* offsets are in crexec_layout.h */
	u8 code;     /* CRX_CODE16 .. */
	u8 ring;     /* CRX_KERNEL .. */
	u8 vector;   /* out: of the fault, or 0 */
	u8 due;	     /* what `vector` should be */
	u32 user;    /* physical address of the code for CPL 3 */
	u64 value;   /* out: what a read gave; in: EAX for CPL 3 */
	u8 stub[48]; /* the code for CPL 0 */
};

struct crx_context {
	struct crx_op ops[CRX_OPS]; /* in and out; the one after the last has CRX_END */
};

/* What an operation executes. */
struct crx_insn {
	u8 bytes[4]; /* the same in code of any size: no prefixes */
	u8 size;
	u8 rex;	      /* in 64-bit code: REX prefix, or 0 */
	bool size16;  /* in 16-bit code it wants an operand-size prefix */
	bool msr;     /* ECX = EFER and EDX = 0 before it */
	bool has_reg; /* `value` in register `reg` before it, and stored after it */
	u8 reg;	      /* 8 to 15 in 64-bit code only; at CPL 3 EAX */
	u64 value;
};

/* Once, by one CPU, before any other function. */
void crx_init(void);

/* The calling CPU's context. */
struct crx_context *crx_context(void);

/* Physical address of the tables. */
u64 crx_tables(void);

/* Writes operation n of the calling CPU's context. */
void crx_encode(u32 n, u8 code, u8 ring, u8 due, const struct crx_insn *i);

/* Runs the operations 0 to n - 1; interrupts stay disabled. Returns the number of operations that
 * were carried out and ended as foreseen. */
u32 crx_run(u32 n);

#endif
