/* SPDX-License-Identifier: MIT */
/*
 * Runs a few instructions at CPL 0 or CPL 3 with given registers and tells how they ended: at their
 * end, or by which fault, with which registers. The only way in which cases execute anything that
 * may fault.
 *
 * Any exception but NMI ends a snippet, on a stack of its own, so that even RSP may hold anything.
 */
#ifndef TESTKERNEL_EXEC_H
#define TESTKERNEL_EXEC_H

#include "hv/types.h"
#include "testkernel/snippets.h"
#include "testkernel/trap.h"

struct exec {
	/* in: GPRs to start with (0 in RSP: a stack is provided), RFLAGS or'ed in.
	 * out: the frame of the trap that ended it; RIP relative to the snippet's first byte */
	struct trap_frame f;
	u64 cr2, dr6;	  /* out: when it ended */
	u32 size;	  /* out: bytes of the snippet */
	bool ends_at_irq; /* in: a maskable interrupt ends it too, else it is handled and it goes on
			   */
};

/* VEC_DONE when the snippet came to its end, else the vector of the fault. */
u32 exec(struct exec *e, u32 cpl, const struct snippet *s);
u32 exec_bytes(struct exec *e, u32 cpl, const u8 *code, u32 size);

/* The page this CPU's snippets may use as an operand, as an address for that CPL. */
u64 exec_data(u32 cpl);

/* A snippet with EAX, ECX and EDX given; the vector that ended it. */
u32 exec_acd(u32 cpl, const struct snippet *s, u64 rax, u64 rcx, u64 rdx);

/* MSR access that may fault, at CPL 0: false on #GP. */
bool try_rdmsr(u32 msr, u64 *v);
bool try_wrmsr(u32 msr, u64 v);

#endif
