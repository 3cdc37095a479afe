/* SPDX-License-Identifier: MIT */
#include "testkernel/task.h"
#include "testkernel/cpu.h"
#include "lib/string.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define ACCESS_TSS  0x89u
#define ACCESS_BUSY 0x02u
#define GATE_TASK   0x85u
#define GATE32	    0x8eu
#define TASK_LIMIT  (sizeof(struct tss32) + sizeof(worlds->redirect))
#define PAGE_FLAGS  (PTE_PS | PTE_U | PTE_W | PTE_P)

void task_enter(struct task_run *run);

extern const u8 task_handlers[];

static struct task_world worlds[MAX_CPUS] __attribute__((aligned(64)));
static u32 pd32[2][1024] __attribute__((aligned(4096)));
static u64 pd_pae[4][512] __attribute__((aligned(4096)));

_Static_assert(offsetof(struct task_run, gdt_limit) == RUN_GDTR, "task.S");
_Static_assert(offsetof(struct task_run, idt_limit) == RUN_IDTR, "task.S");
_Static_assert(offsetof(struct task_run, cr0) == RUN_CR0, "task.S");
_Static_assert(offsetof(struct task_run, saved_cr0) == RUN_SAVED_CR0, "task.S");
_Static_assert(offsetof(struct task_run, apic_id) == RUN_APIC_ID, "task.S");
_Static_assert(offsetof(struct task_run, seen) == RUN_SEEN, "task.S");
_Static_assert(sizeof(struct task_seen) == RUN_SEEN_SIZE, "task.S");
_Static_assert(sizeof(struct tss32) == 104 && sizeof(struct tss16) == 44, "TSS");

static u32 address(const volatile void *p)
{
	return (u32)(uintptr_t)p;
}

/* Bits 15:12 of flags: G, D, 0, AVL; access: P, DPL, S, type. */
static u64 descriptor(u32 base, u32 limit, u32 access, u32 flags)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)access << 40 |
	       (u64)(limit >> 16 & 15) << 48 | (u64)flags << 52 | (u64)(base >> 24) << 56;
}

static u64 gate(u32 selector, u32 offset, u32 type)
{
	return (offset & 0xffff) | (u64)selector << 16 | (u64)type << 40 |
	       (u64)(offset >> 16) << 48;
}

static void set(struct task_world *w, u32 selector, u64 desc)
{
	w->gdt[selector / 8] = desc;
}

static void build_gdt(struct task_world *w, const u8 *code)
{
	memcpy(w->gdt, this_cpu()->gdt, sizeof(this_cpu()->gdt));
	set(w, TS_MAIN, descriptor(address(&w->main), sizeof(w->main) - 1, ACCESS_TSS, 0));
	set(w, TS_TASK, descriptor(address(&w->task), TASK_LIMIT, ACCESS_TSS, 0));
	set(w, TS_TASK16, descriptor(address(&w->task16), sizeof(w->task16) - 1, 0x81, 0));
	set(w, TS_SMALL, descriptor(address(&w->task), sizeof(w->task) - 2, ACCESS_TSS, 0));
	set(w, TS_CODE, descriptor(address(code), 0xfffff, 0x9a, 0xc));
	set(w, TS_LDT, descriptor(address(w->gdt), sizeof(w->gdt) - 1, 0x82, 0));
	set(w, TS_RUN, descriptor(address(&w->run), 0xfffff, 0x92, 0xc));
	set(w, TS_ABSENT, descriptor(0, 0xfffff, 0x12, 0xc));
	set(w, TS_UCODE, descriptor(0, 0xfffff, 0xfa, 0xc));
	set(w, TS_UDATA, descriptor(0, 0xfffff, 0xf2, 0xc));
	set(w, TS_STACK16, descriptor(0x10000, 0xfffff, 0x92, 0xc));
	set(w, TS_GATE, gate(TS_TASK, 0, GATE_TASK));
}

static void build_tables(struct task_world *w)
{
	for (u32 i = 0; i < 1024; i++)
		pd32[0][i] = pd32[1][i] = i << 22 | (u32)PAGE_FLAGS;
	for (u32 i = 0; i < 2048; i++)
		pd_pae[i / 512][i % 512] = (u64)i << 21 | PAGE_FLAGS;
	for (u32 i = 0; i < 4; i++)
		w->pdpt[0][i] = w->pdpt[1][i] = (uintptr_t)pd_pae[i] | PTE_P;
	pd32[1][512] = pd32[1][0];
	w->pdpt[1][2] = w->pdpt[1][0];
	*(volatile u32 *)(uintptr_t)(RM_BUFFER + TASK_MARK_OFFSET) = TASK_MARK;
}

static void build_run(struct task_world *w, enum task_paging paging, const u8 *op)
{
	static const u32 cr4[TASK_PAGINGS] = {0, CR4_PSE, CR4_PAE};
	u32 cr0 = (u32)(CR0_NE | CR0_ET | CR0_PE);

	w->run = (struct task_run){
		.gdt_limit = sizeof(w->gdt) - 1,
		.gdt_base = address(w->gdt),
		.idt_limit = sizeof(w->idt) - 1,
		.idt_base = address(w->idt),
		.cr0 = paging ? cr0 | (u32)CR0_PG : cr0,
		.cr3 = paging == TASK_PAE ? address(w->pdpt[0]) : address(pd32[0]),
		.cr4 = cr4[paging],
		.op = address(op),
		.stack = address(w->stacks[1]) - 64,
		.next = RUN_SEEN,
		.self = address(&w->run),
		.apic_id = this_cpu()->apic_id << 24,
	};
	w->task = (struct tss32){
		.esp0 = address(w->stacks[2]) - 64,
		.ss0 = TK_DATA,
		.cr3 = paging == TASK_PAE ? address(w->pdpt[1]) : address(pd32[1]),
		.eflags = 0x891, /* OF, SF, AF, CF; bit 1 is set by the CPU */
		.gpr = {0xb0b0b0b0, 0xb1b1b1b1, 0xb2b2b2b2, 0xb3b3b3b3,
			address(w->stacks[2] + sizeof(w->stacks[2])) - 64, 0xb5b5b5b5, 0xb6b6b6b6,
			0xb7b7b7b7},
		.es = TK_DATA,
		.cs = TS_CODE,
		.ss = TK_DATA,
		.ds = TK_DATA,
		.fs = TS_RUN,
		.ldt = TS_LDT,
		.iomap = TASK_LIMIT,
	};
	w->main = (struct tss32){.cr3 = w->run.cr3, .iomap = sizeof(w->main)};
}

struct task_world *task_prepare(enum task_paging paging, const u8 *op, const u8 *code)
{
	struct task_world *w = &worlds[this_cpu()->index];

	build_gdt(w, code);
	build_tables(w);
	build_run(w, paging, op);
	for (u32 i = 0; i < ARRAY_SIZE(w->idt); i++)
		w->idt[i] = i < VECTOR_COUNT
				    ? gate(TK_CODE32, address(task_handlers) + i * 16, GATE32)
				    : 0;
	task_gate(w, TASK_VECTOR);
	return w;
}

void task_gate(struct task_world *w, u32 vector)
{
	w->idt[vector] = gate(TS_TASK, 0, GATE_TASK);
}

u32 task_go(struct task_world *w)
{
	struct cpu *c = this_cpu();
	u64 tss = TK_TSS / 8;

	w->run.saved_cr0 = (u32)read_cr0();
	w->run.saved_cr3 = (u32)read_cr3();
	w->run.saved_cr4 = (u32)read_cr4();
	w->run.saved_efer = (u32)rdmsr(MSR_EFER);
	task_enter(&w->run);
	wrmsr(MSR_GS_BASE, (uintptr_t)c); /* GS was loaded */
	c->gdt[tss] &= ~((u64)ACCESS_BUSY << 40);
	ltr(TK_TSS);
	return (w->run.next - RUN_SEEN) / RUN_SEEN_SIZE;
}
