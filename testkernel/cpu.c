/* SPDX-License-Identifier: MIT */
#include "testkernel/cpu.h"
#include "testkernel/lapic.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "lib/string.h"

extern const u64 boot_gdt[8];

struct cpu cpus[MAX_CPUS] __attribute__((aligned(4096)));
u32 cpu_count;

#define TSS_AVAILABLE 0x89ULL /* type and present bit */

static void load_gdt(struct cpu *c)
{
	u64 base = (uintptr_t)&c->tss;
	struct desc_ptr p = {.limit = sizeof(c->gdt) - 1, .base = (uintptr_t)c->gdt};

	memcpy(c->gdt, boot_gdt, sizeof(boot_gdt));
	c->gdt[8] = (sizeof(c->tss) - 1) | (base & 0xffffff) << 16 | TSS_AVAILABLE << 40 |
		    (base >> 24 & 0xff) << 56;
	c->gdt[9] = base >> 32;
	c->tss.rsp[0] = (uintptr_t)(c->ist_fault + STACK_SIZE);
	c->tss.ist[IST_FAULT - 1] = (uintptr_t)(c->ist_fault + STACK_SIZE);
	c->tss.ist[IST_NMI - 1] = (uintptr_t)(c->ist_nmi + STACK_SIZE);
	c->tss.ist[IST_DF - 1] = (uintptr_t)(c->ist_df + STACK_SIZE);
	c->tss.iomap = sizeof(c->tss);
	lgdt(&p);
	ltr(TK_TSS);
}

void cpu_init(struct cpu *c)
{
	u64 cr4 = CR4_PAE;

	if (cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE)
		cr4 |= CR4_OSXSAVE;
	write_cr0(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE);
	write_cr4(cr4);
	wrmsr(MSR_GS_BASE, (uintptr_t)c);
	c->exec = NULL;
	c->work = NULL;
	memset(c->irq_hook, 0, sizeof(c->irq_hook));
	load_gdt(c);
	idt_load(idt);
	c->x2apic = lapic_x2apic();
	c->lapic_page = lapic_find();
	/* whether INIT ends x2APIC mode differs from platform to platform */
	if (cpus[0].x2apic && !c->x2apic)
		lapic_enter_x2apic();
	else
		lapic_enable(c->index);
}
