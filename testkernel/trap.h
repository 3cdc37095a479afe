/* SPDX-License-Identifier: MIT */
/* Interrupts and exceptions of the test kernel. */
#ifndef TESTKERNEL_TRAP_H
#define TESTKERNEL_TRAP_H

#include "hv/types.h"
#include "x86/rflags.h"
#include "x86/vector.h"
#include "testkernel/layout.h"

#define VECTOR_NM 7 /* no device: x87 with CR0.TS or EM */

enum reg { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

struct trap_frame {  /* as trap.S pushes it */
	u64 gpr[16]; /* by enum reg; RSP is below */
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

typedef void (*trap_fn)(struct trap_frame *f);

struct gate { /* 64-bit interrupt gate (Intel SDM vol. 3A, 6.14.1) */
	u16 offset0, selector;
	u8 ist, type;
	u16 offset16;
	u32 offset32, reserved;
} __attribute__((packed));

extern struct gate idt[VEC_COUNT]; /* shared by all CPUs; a case may load a copy */

#define IST_FAULT 1 /* exceptions and VEC_DONE */
#define IST_NMI	  2
#define IST_DF	  3

void idt_build(void);
void idt_load(const struct gate *table);
void idt_load_part(const struct gate *table, u32 gates);

/* Calls fn on this CPU at each interrupt or exception `vector`, after it is counted in
 * cpu.irq_count[]; NULL: an exception nobody expects ends the run. Interrupts get their EOI after.
 */
void trap_hook(u8 vector, trap_fn fn);

/* From trap.S, with interrupts disabled. */
void trap(struct trap_frame *f);

/* Prints and ends the run: `Bail out!` in TAP's words. */
_Noreturn void panic(const char *f, ...) __attribute__((format(printf, 1, 2)));

#endif
