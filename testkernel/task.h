/* SPDX-License-Identifier: MIT */
/*
 * Hardware task switches in 32-bit protected mode, without paging and with either kind of it: an
 * operation of task.S is run in a task of its own, and every task that is reached writes down what
 * it finds (Intel SDM vol. 3A, 8.2 and 8.3).
 */
#ifndef TESTKERNEL_TASK_H
#define TESTKERNEL_TASK_H

#include "hv/types.h"
#include "testkernel/task_layout.h"

/* clang-format off */
struct tss32 {
	u32 link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
	u32 gpr[8]; /* EAX ECX EDX EBX ESP EBP ESI EDI */
	u32 es, cs, ss, ds, fs, gs, ldt;
	u16 trap, iomap;
};

struct tss16 {
	u16 link, sp0, ss0, sp1, ss1, sp2, ss2, ip, flags;
	u16 gpr[8];
	u16 es, cs, ss, ds, ldt;
};

/* What a task found, or a fault's handler, which has vector and error code on its stack. */
struct task_seen {
	u32 mark, cr3, cr0, ldt, tr, cs, ss, gs, fs, es, ds;
	u32 edi, esi, ebp, esp, ebx, edx, ecx, eax, eflags;
	u32 stack[RUN_SEEN_STACK];
};
/* clang-format on */

#define TASK_SEEN_MAX 6

struct task_run { /* offsets are in task_layout.h */
	u16 pad0, gdt_limit;
	u32 gdt_base;
	u16 pad1, idt_limit;
	u32 idt_base;
	u32 cr0, cr3, cr4, op;
	u32 saved_cr0, saved_cr3, saved_cr4, saved_efer;
	u32 stack, leave_esp, next, self, apic_id;
	u32 unused[15];
	struct task_seen seen[TASK_SEEN_MAX];
};

enum task_paging { TASK_UNPAGED, TASK_PAGING32, TASK_PAE, TASK_PAGINGS };

/* A CPU's tables and tasks; set up by task_prepare, changed by a case, run by task_go. */
struct task_world {
	struct task_run run;
	u64 gdt[TS_ENTRIES];
	u64 idt[128];
	struct tss32 main, task;
	u8 redirect[32],
		io_end[2]; /* belong to task's TSS: bits 0, so INT n is the 8086 program's */
	struct tss16 task16;
	u64 pdpt[2][4] __attribute__((aligned(32)));
	u8 stacks[3][1024] __attribute__((aligned(16)));
};

/* What the operation's task does; then what the other one does. See task.S. */
extern const u8 task_op_jump[], task_op_call[], task_op_int[], task_op_gate[], task_op_ud[],
	task_op_gp[], task_op_nmi[], task_op_irq[], task_op_small[], task_op_jump16[];
extern const u8 task_at_ud[], task_at_gp[]; /* the instruction itself */
extern const u8 task_iret[], task_jump[], task_end[];

/*
 * The calling CPU's world: TS_TASK starts at `code` with registers that no one else has and page
 * tables of its own; every exception is caught.
 */
struct task_world *task_prepare(enum task_paging paging, const u8 *op, const u8 *code);

/* Runs it, interrupts disabled; the number of records. */
u32 task_go(struct task_world *w);

/* Makes vector a task gate to TS_TASK. */
void task_gate(struct task_world *w, u32 vector);

#endif
