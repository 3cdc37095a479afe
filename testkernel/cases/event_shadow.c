/* SPDX-License-Identifier: MIT */
/*
 * The instruction after STI and MOV to SS: no interrupt comes before it, but right after it, even
 * if that instruction exits to a hypervisor (Intel SDM vol. 2B, STI; vol. 3C, 25.4.2).
 */
#include "testkernel/exec.h"
#include "testkernel/lapic.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/event.h"
#include "x86/msr.h"

#define VECTOR (VEC_TEST + 1)

/* Runs code with an interrupt pending; it must come at +rip. */
static void pending(const struct snippet *s, u64 flags, u32 rcx, u64 rax, u64 rip, const char *what)
{
	struct exec e = {.f.gpr[RAX] = (u32)rax,
			 .f.gpr[RCX] = rcx,
			 .f.gpr[RDX] = rax >> 32,
			 .f.rflags = flags,
			 .ends_at_irq = true};
	u32 before = this_cpu()->irq_count[VECTOR];

	e.f.gpr[RSI] = exec_data(0);
	lapic_send(0, ICR_FIXED | ICR_TO_SELF | VECTOR);
	check(wait_for(lapic_pending(VECTOR)), "%s: the interrupt is not pending", what);
	exec(&e, 0, s);
	check(e.f.vector == VECTOR && e.f.rip == rip, "%s: vector %u at +%lu, not at +%lu", what,
	      (u32)e.f.vector, e.f.rip, rip);
	check(this_cpu()->irq_count[VECTOR] == before + 1, "%s: %u interrupts", what,
	      this_cpu()->irq_count[VECTOR] - before);
	check(!lapic_in_service(VECTOR) && !lapic_pending(VECTOR), "%s: not over", what);
}

static void sti_shadow(void *unused)
{
	u64 def = rdmsr(MSR_MTRR_DEF_TYPE);

	(void)unused;
	pending(&snip_nops, RFLAGS_IF, 0, 0, 0, "IF set");
	pending(&snip_sti_nops, 0, 0, 0, 2, "STI; NOP");
	pending(&snip_sti_cpuid_nops, 0, 0, 0, 3, "STI; CPUID");
	pending(&snip_sti_wrmsr_nops, 0, MSR_MTRR_DEF_TYPE, def, 3, "STI; WRMSR");
	pending(&snip_sti_hlt_nops, 0, 0, 0, 2, "STI; HLT");
}

static void ss_shadow(void *unused)
{
	static const struct {
		const struct snippet *code;
		u64 rip;
	} list[] = {{&snip_sti_ss_nops, 4}, {&snip_sti_ss_cpuid_nops, 5}};

	(void)unused;
	*(volatile u16 *)this_cpu()->data = TK_DATA;
	/* STI's shadow covers the MOV, the MOV's the next instruction */
	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		pending(list[i].code, 0, 0, 0, list[i].rip, "STI; MOV to SS");
}

void event_shadow(void)
{
	on_each_cpu(sti_shadow, NULL);
	tap("a pending interrupt comes one instruction after STI, be it NOP, CPUID, WRMSR or HLT");
	on_each_cpu(ss_shadow, NULL);
	tap("a pending interrupt waits for the instruction after MOV to SS");
}
