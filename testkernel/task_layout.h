/* SPDX-License-Identifier: MIT */
/* What task.c and task.S share: selectors and offsets. For C and for assembly. */
#ifndef TESTKERNEL_TASK_LAYOUT_H
#define TESTKERNEL_TASK_LAYOUT_H

/* The GDT of a task run: that of layout.h, and behind it */
#define TS_MAIN	   0x50 /* TSS of the code that runs the operation */
#define TS_TASK	   0x58 /* TSS of the other task */
#define TS_TASK16  0x60 /* a 16-bit one */
#define TS_CODE	   0x68 /* 32-bit code, its first byte is the other task's */
#define TS_LDT	   0x70
#define TS_RUN	   0x78 /* data, base at struct task_run */
#define TS_GATE	   0x80 /* task gate to TS_TASK */
#define TS_ABSENT  0x88 /* data, not present */
#define TS_SMALL   0x90 /* a TSS that is too small */
#define TS_UCODE   0x9b
#define TS_UDATA   0xa3
#define TS_STACK16 0xa8 /* takes any upper half of ESP to RAM below 128 KiB */
#define TS_ENTRIES 22

#define TASK_VECTOR 0x50 /* a task gate in the IDT, to TS_TASK */

/* Only the other task's page tables map this to the word at RM_BUFFER + TASK_MARK_OFFSET. */
#define TASK_MARK_OFFSET 0xff0
#define TASK_MARK_AT	 (0x80000000 + RM_BUFFER + TASK_MARK_OFFSET)
#define TASK_MARK	 0xfeedc0de

/* struct task_run */
#define RUN_GDTR	2
#define RUN_IDTR	10
#define RUN_CR0		16
#define RUN_CR3		20
#define RUN_CR4		24
#define RUN_OP		28
#define RUN_SAVED_CR0	32
#define RUN_SAVED_CR3	36
#define RUN_SAVED_CR4	40
#define RUN_SAVED_EFER	44
#define RUN_STACK	48
#define RUN_LEAVE_ESP	52
#define RUN_NEXT	56
#define RUN_SELF	60
#define RUN_APIC_ID	64
#define RUN_SAVED_GDTR	72
#define RUN_SAVED_IDTR	88
#define RUN_SAVED_RSP	104
#define RUN_SEEN	128
#define RUN_SEEN_SIZE	128
#define RUN_SEEN_STACK	12 /* words of the stack in a record */
#define RUN_SEEN_PUSHED 11 /* words pushed after the general registers */

#endif
