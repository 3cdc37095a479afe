/* SPDX-License-Identifier: MIT */
/*
 * The instruction after STI and MOV to SS: no interrupt comes before it, but right after it, even
 * if that instruction exits to a hypervisor (Intel SDM vol. 2B, STI; vol. 3C, 25.4.2).
 */
#include "testkernel/exec.h"
#include "testkernel/lamina.h"
#include "testkernel/quirks.h"
#include "testkernel/lapic.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/event.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define VECTOR	   (VEC_TEST + 1)
#define BEHIND_STI 1
#define BEHIND_MOV 3 /* in the snippets that start with STI; MOV to SS */

#define FRESH_OFFSET KiB(32) /* in Lamina's memory, away from what other cases touch */

static u64 load_from; /* what RSI points to; 0: this CPU's page for operands */

/* Runs code with an interrupt pending; it must come at +rip, or, if that is not 0, at +or_rip.
 * Where it came. */
static u64 pending(const struct snippet *s, u64 flags, u32 rcx, u64 rax, u64 rip, u64 or_rip,
		   const char *what)
{
	struct exec e = {.f.gpr[RAX] = (u32)rax,
			 .f.gpr[RCX] = rcx,
			 .f.gpr[RDX] = rax >> 32,
			 .f.rflags = flags,
			 .ends_at_irq = true};
	u32 before = this_cpu()->irq_count[VECTOR];

	e.f.gpr[RSI] = load_from ? load_from : exec_data(0);
	lapic_send(0, ICR_FIXED | ICR_TO_SELF | VECTOR);
	check(wait_for(lapic_pending(VECTOR)), "%s: the interrupt is not pending", what);
	exec(&e, 0, s);
	check(e.f.vector == VECTOR && (e.f.rip == rip || (or_rip && e.f.rip == or_rip)),
	      "%s: vector %u at +%lu, not at +%lu", what, (u32)e.f.vector, e.f.rip, rip);
	check(this_cpu()->irq_count[VECTOR] == before + 1, "%s: %u interrupts", what,
	      this_cpu()->irq_count[VECTOR] - before);
	check(!lapic_in_service(VECTOR) && !lapic_pending(VECTOR), "%s: not over", what);
	return e.f.rip;
}

static void sti_shadow(void *unused)
{
	u64 def = rdmsr(MSR_MTRR_DEF_TYPE);

	(void)unused;
	pending(&snip_nops, RFLAGS_IF, 0, 0, 0, 0, "IF set");
	pending(&snip_sti_nops, 0, 0, 0, 2, 0, "STI; NOP");
	pending(&snip_sti_cpuid_nops, 0, 0, 0, 3, 0, "STI; CPUID");
	pending(&snip_sti_wrmsr_nops, 0, MSR_MTRR_DEF_TYPE, def, 3, 0, "STI; WRMSR");
	pending(&snip_sti_hlt_nops, 0, 0, 0, 2, 0, "STI; HLT");
	pending(&snip_sti_cr0_nops, 0, 0, read_cr0(), 4, 0, "STI; MOV to CR0");
}

/*
 * STI's shadow covers the MOV, the MOV's the next instruction; but of instructions in a row that
 * hold interrupts off, only the first is sure to do so (Intel SDM vol. 3A, 6.8.3; AMD APM vol.
 * 2, 8.1.4).
 */
static void ss_shadow(void *first_only)
{
	static const struct {
		const struct snippet *code;
		u64 rip;
	} list[] = {{&snip_sti_ss_nops, 4}, {&snip_sti_ss_cpuid_nops, 5}};

	*(volatile u16 *)this_cpu()->data = TK_DATA;
	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		*(u32 *)first_only += pending(list[i].code, 0, 0, 0, list[i].rip, BEHIND_MOV,
					      "STI; MOV to SS") == BEHIND_MOV;
}

/* The instruction behind STI reads memory that a hypervisor has to map first: it exits and runs
 * again. Under Lamina that is a page of its own that no other case has touched. */
static void retried(void *unused)
{
	u64 at = exec_data(0);
	bool lamina = lamina_here(), early;

	(void)unused;
	if (lamina)
		check(lamina_info(HC_INFO_HV_BASE, &at), "no HC_INFO_HV_BASE");
	if (lamina)
		at += FRESH_OFFSET + this_cpu()->index * PAGE_SIZE;
	load_from = at;
	early = pending(&snip_sti_load_nops, 0, 0, 0, 3, lamina ? BEHIND_STI : 0, "STI; load") ==
		BEHIND_STI;
	load_from = 0;
	check(!early || quirk_took(TCG_VMRUN_LOSES_SHADOW, early),
	      "the interrupt came before the load that ran twice");
}

void event_shadow(void)
{
	u32 first_only = 0;

	on_each_cpu(sti_shadow, NULL);
	tap("a pending interrupt comes one instruction after STI, be it NOP, CPUID, WRMSR, HLT or MOV to CR0");
	on_each_cpu(retried, NULL);
	tap("a pending interrupt waits for a load behind STI that touches a page not yet mapped");
	on_each_cpu(ss_shadow, &first_only);
	tap("a pending interrupt waits for the instruction after MOV to SS, that after STI; MOV to SS %s",
	    first_only ? "not" : "too");
}
