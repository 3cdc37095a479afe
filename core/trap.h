/* SPDX-License-Identifier: MIT */
/* Lamina's own descriptor tables and exceptions. */
#ifndef CORE_TRAP_H
#define CORE_TRAP_H

#include "hv/pcpu.h"
#include "hv/types.h"

/* What trap_entry.S pushes. */
struct trap_frame {
	u64 gpr[15]; /* r15 .. rax */
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

/* GDT, TSS, IDT and GS base of this CPU. */
void trap_cpu_init(struct pcpu *p);

/* Linear address of the IDT, the same on all CPUs. */
u64 trap_idt_base(void);

/* An IRET to the next instruction: ends NMI blocking on this CPU. */
void trap_unblock_nmi(void);

/* From trap_entry.S. */
void trap_handle(struct trap_frame *f);

#endif
