/* SPDX-License-Identifier: MIT */
#include "core/trap.h"

#include "core/mp.h"
#include "core/panic.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"
#include "x86/seg.h"
#include "x86/vector.h"

struct idt_gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, reserved;
};

struct ex_entry {
	u64 insn, fixup;
};

extern const u8 trap_stubs[];
extern const struct ex_entry ex_table[], ex_table_end[];
extern const u8 vmx_enter_window[], vmx_enter_window_end[], vmx_enter_abort[];
extern const u8 wait_window[], wait_window_end[], wait_restart[];

#define STUB_SIZE      16
#define GATE_INTERRUPT 0x8e
#define IST_NMI	       1

static struct idt_gate idt[VECTOR_COUNT];

static void idt_fill(void)
{
	for (u32 i = 0; i < VECTOR_COUNT; i++) {
		u64 off = (uintptr_t)trap_stubs + i * STUB_SIZE;

		idt[i] = (struct idt_gate){
			.offset_low = (u16)off,
			.selector = SEL_CODE64,
			.ist = i == VECTOR_NMI || i == VECTOR_DF || i == VECTOR_MC ? IST_NMI : 0,
			.type = GATE_INTERRUPT,
			.offset_mid = (u16)(off >> 16),
			.offset_high = (u32)(off >> 32),
		};
	}
}

u64 trap_idt_base(void)
{
	return (uintptr_t)idt;
}

void trap_cpu_init(struct pcpu *p)
{
	u64 tss = (uintptr_t)&p->tss;
	struct desc_ptr gdtr = {sizeof(p->gdt) - 1, (uintptr_t)p->gdt};
	struct desc_ptr idtr = {sizeof(idt) - 1, (uintptr_t)idt};

	p->self = p;
	p->vcpu_ptr = &p->vcpu;
	p->gdt[SEL_CODE64 / 8] = 0x00af9b000000ffff;
	p->gdt[SEL_DATA / 8] = 0x00cf93000000ffff;
	p->gdt[SEL_CODE32 / 8] = 0x00cf9b000000ffff;
	p->gdt[SEL_TSS / 8] = (sizeof(p->tss) - 1) | (tss & 0xffffff) << 16 | 0x89ULL << 40 |
			      (tss >> 24 & 0xff) << 56;
	p->gdt[SEL_TSS / 8 + 1] = tss >> 32;
	p->tss.ist[IST_NMI - 1] = (uintptr_t)p->nmi_stack + NMI_STACK_SIZE;
	p->tss.iomap = sizeof(p->tss);
	if (!idt[0].selector)
		idt_fill();
	lgdt(&gdtr);
	lidt(&idtr);
	ltr(SEL_TSS);
	wrmsr(MSR_GS_BASE, (uintptr_t)p);
	if (cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE)
		write_cr4(read_cr4() | CR4_OSXSAVE); /* for the guest's XSETBV */
}

static bool in(u64 rip, const u8 *from, const u8 *to)
{
	return rip >= (uintptr_t)from && rip < (uintptr_t)to;
}

/* Count it, and make sure that whoever is about to enter the guest or to sleep looks at it first.
 */
static void handle_nmi(struct trap_frame *f)
{
	struct pcpu *p = gs_self();

	atomic_fetch_add(&p->vcpu.nmi_root, 1);
	if (in(f->rip, vmx_enter_window, vmx_enter_window_end))
		f->rip = (uintptr_t)vmx_enter_abort;
	else if (in(f->rip, wait_window, wait_window_end))
		f->rip = (uintptr_t)wait_restart;
}

/* AMD-V has redirected an INIT: mail to ourselves, to be looked at as after a kick. */
static void handle_init(void)
{
	struct pcpu *p = gs_self();

	mp_post_init(p);
	if (!atomic_exchange(&p->pub.kick, 1))
		atomic_fetch_add(&p->vcpu.nmi_root, 1);
}

void trap_handle(struct trap_frame *f)
{
	if (f->vector == VECTOR_NMI) {
		handle_nmi(f);
		return;
	}
	if (f->vector == VECTOR_SX) {
		handle_init();
		return;
	}
	if (f->vector == VECTOR_DB) /* Bochs's AMD-V takes the guest's single step out of it */
		return;
	if (f->vector == VECTOR_GP || f->vector == VECTOR_UD) {
		for (const struct ex_entry *e = ex_table; e < ex_table_end; e++) {
			if (e->insn == f->rip) {
				f->rip = e->fixup;
				return;
			}
		}
	}
	panic_trap(f);
}
