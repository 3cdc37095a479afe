/* SPDX-License-Identifier: MIT */
#include "testkernel/legacy.h"
#include "testkernel/cpu.h"
#include "testkernel/page.h"
#include "x86/msr.h"

#define GATE32 0x8e00u /* present, 32-bit interrupt gate */

struct gate32 {
	u16 offset0, selector, type, offset16;
};

void legacy_enter(struct op *ops, const u32 saved[4]);

extern u64 pd_low[4][512];
extern const u32 legacy_handlers[3];

static struct gate32 idt32[VECTOR_COUNT];
struct desc_ptr legacy_idt_ptr = {.limit = sizeof(idt32) - 1, .base = 0};
static u32 pd32[1024] __attribute__((aligned(4096)));
static u64 pdpt[MAX_CPUS][4] __attribute__((aligned(32)));

static void set_gate(u32 vector, u32 entry)
{
	idt32[vector].offset0 = (u16)entry;
	idt32[vector].offset16 = (u16)(entry >> 16);
	idt32[vector].selector = TK_CODE32;
	idt32[vector].type = GATE32;
}

void legacy_run(struct op *ops)
{
	u32 saved[4] = {(u32)read_cr0(), (u32)read_cr3(), (u32)read_cr4(), (u32)rdmsr(MSR_EFER)};

	set_gate(VECTOR_UD, legacy_handlers[0]);
	set_gate(VECTOR_GP, legacy_handlers[1]);
	set_gate(VECTOR_PF, legacy_handlers[2]);
	legacy_idt_ptr.base = (uintptr_t)idt32;
	legacy_enter(ops, saved);
}

u32 legacy_pd(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(pd32); i++)
		pd32[i] = i << 22 | (u32)(PTE_PS | PTE_W | PTE_P);
	return (u32)(uintptr_t)pd32;
}

u64 *legacy_pdpt(void)
{
	u64 *p = pdpt[this_cpu()->index];

	for (u32 i = 0; i < 4; i++)
		p[i] = (uintptr_t)pd_low[i] | PTE_P;
	return p;
}
