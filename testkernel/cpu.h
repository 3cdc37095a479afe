/* SPDX-License-Identifier: MIT */
/* What each CPU of the test kernel has: identity, stacks, descriptor tables, a mailbox for work. */
#ifndef TESTKERNEL_CPU_H
#define TESTKERNEL_CPU_H

#include "hv/types.h"
#include "testkernel/asm.h"
#include "testkernel/layout.h"
#include "testkernel/trampoline.h"
#include "testkernel/trap.h"

#define STACK_SIZE 8192

typedef void (*work_fn)(void *arg);

struct tss { /* 64-bit TSS (Intel SDM vol. 3A, 8.7) */
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap;
} __attribute__((packed));

struct cpu {
	struct cpu *self; /* first: GS:0 */
	u32 index;
	u32 apic_id;
	bool x2apic;		   /* mode of its local APIC */
	u64 lapic_page;		   /* where it is in xAPIC mode, bytes */
	volatile u32 started;	   /* times the CPU came up */
	struct ap_capture capture; /* state in which it came up last */
	u64 sipi_page;		   /* where, bytes */

	/* mailbox: work is set by anyone, taken and then cleared by this CPU */
	work_fn volatile work;
	void *volatile work_arg;

	struct exec *volatile exec; /* running snippet, or NULL */
	u64 exec_rsp;

	volatile u32 irq_count[VEC_COUNT];
	volatile u64 irq_rip[VEC_COUNT]; /* where the latest one interrupted */
	trap_fn irq_hook[VEC_COUNT];	 /* called after counting, before EOI */

	u64 gdt[10];
	struct tss tss;
	u8 code[PAGE_SIZE] __attribute__((aligned(4096))); /* of the running snippet */
	u8 data[PAGE_SIZE] __attribute__((aligned(4096))); /* for the snippet's operands */
	u8 stack[STACK_SIZE] __attribute__((aligned(16)));
	u8 ist_fault[STACK_SIZE] __attribute__((aligned(16)));
	u8 ist_nmi[STACK_SIZE] __attribute__((aligned(16)));
	u8 ist_df[STACK_SIZE] __attribute__((aligned(16)));
	u8 user_stack[STACK_SIZE] __attribute__((aligned(16)));
};

extern struct cpu cpus[MAX_CPUS];
extern u32 cpu_count;

static inline struct cpu *this_cpu(void)
{
	return gs_self();
}

/* Makes this processor cpu c: GDT, TSS, IDT, GS base, enabled features. Once after each start. */
void cpu_init(struct cpu *c);

/* The address at which CPL 3 finds what CPL 0 has at p (both below 1 GiB). */
static inline u64 user_address(const volatile void *p)
{
	return USER_BASE + (uintptr_t)p;
}

#endif
