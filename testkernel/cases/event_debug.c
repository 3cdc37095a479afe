/* SPDX-License-Identifier: MIT */
/*
 * Debug exceptions around instructions that exit under a hypervisor: single steps, breakpoints, and
 * those held back by MOV to SS (Intel SDM vol. 3A, 6.8.3; vol. 3B, 17.2 and 17.3).
 */
#include "testkernel/exec.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/event.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define DR6_B0	     BIT(0)
#define DR6_BS	     BIT(14)
#define DR7_FIXED    BIT(10)
#define DR7_L0	     BIT(0)
#define DR7_RW0_DATA (3ULL << 16) /* reads and writes, 1 byte */
#define DR6_CLEAR    0xffff0ff0ULL
#define RFLAGS_RF    BIT(16)

/* The trap is held back, and the next instruction exits. */
static bool lost(const struct exec *e, const struct snippet *s)
{
	return quirk_took(BOCHS_SVM_LOSES_TRAP, s == &snip_ss_cpuid_nops &&
							e->f.vector == VEC_DONE &&
							!(e->dr6 & (DR6_B0 | DR6_BS)));
}

/* behind_ss: where the snippet is behind a MOV to SS that holds the trap back; 0: there is none */
static void expect_db(struct exec *e, u32 cpl, const struct snippet *s, u64 rip, u64 cause,
		      u64 behind_ss, const char *what)
{
	u64 causes = DR6_B0 | DR6_BS;

	write_dr6(DR6_CLEAR);
	exec(e, cpl, s);
	check((e->f.vector == VECTOR_DB && (e->dr6 & causes) == cause &&
	       (e->f.rip == rip ||
		quirk_took(TCG_SS_KEEPS_NO_TRAP, behind_ss && e->f.rip == behind_ss))) ||
		      lost(e, s),
	      "CPL %u %s: vector %u at +%lu, DR6 %lx, not +%lu", cpl, what, (u32)e->f.vector,
	      e->f.rip, e->dr6, rip);
	write_dr6(DR6_CLEAR);
}

static void step_over(u32 cpl, const struct snippet *s, u64 rax, u32 rcx, u64 rip, const char *what)
{
	struct exec e = {.f.gpr[RAX] = (u32)rax,
			 .f.gpr[RCX] = rcx,
			 .f.gpr[RDX] = rax >> 32,
			 .f.rflags = RFLAGS_TF};

	expect_db(&e, cpl, s, rip, DR6_BS, 0, what);
	check(e.f.rflags & RFLAGS_TF, "CPL %u %s: RFLAGS %lx", cpl, what, e.f.rflags);
}

static void single_steps(void *unused)
{
	u64 cr0 = read_cr0();

	(void)unused;
	step_over(0, &snip_nops, 0, 0, 1, "step over NOP");
	step_over(3, &snip_nops, 0, 0, 1, "step over NOP");
	step_over(0, &snip_cpuid_nops, 0, 0, 2, "step over CPUID");
	step_over(3, &snip_cpuid_nops, 0, 0, 2, "step over CPUID");
	step_over(0, &snip_write_cr0_nops, cr0 ^ CR0_NE, 0, 3, "step over MOV to CR0");
	check(read_cr0() == (cr0 ^ CR0_NE), "CR0 is %lx", read_cr0());
	write_cr0(cr0);
	step_over(0, &snip_write_cr4_nops, read_cr4(), 0, 3, "step over MOV to CR4");
	step_over(0, &snip_rdmsr_nops, 0, MSR_FEATURE_CONTROL, 2, "step over RDMSR");
	step_over(0, &snip_wrmsr_nops, rdmsr(MSR_MTRR_DEF_TYPE), MSR_MTRR_DEF_TYPE, 2,
		  "step over WRMSR");
	step_over(0, &snip_invd_nops, 0, 0, 2, "step over INVD");
	if (read_cr4() & CR4_OSXSAVE)
		step_over(0, &snip_xsetbv_nops, tk_xgetbv(0), 0, 3, "step over XSETBV");
}

/* An instruction that faults is not stepped over: its fault comes, without BS, TF still in the
 * frame. */
static void step_into_fault(void *unused)
{
	static const struct snippet *const codes[] = {&snip_ud2, &snip_vmxon, &snip_vmlaunch};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		struct exec e = {.f.rflags = RFLAGS_TF};

		write_dr6(DR6_CLEAR);
		e.f.gpr[RDI] = exec_data(0);
		exec(&e, 0, codes[i]);
		check(e.f.vector == VECTOR_UD && e.f.rip == 0 && e.f.rflags & RFLAGS_TF &&
			      !(e.dr6 & DR6_BS),
		      "code %u: vector %u at +%lu, RFLAGS %lx, DR6 %lx", (u32)i, (u32)e.f.vector,
		      e.f.rip, e.f.rflags, e.dr6);
	}
}

static void breakpoint_on_cpuid(void *unused)
{
	struct exec e = {0};

	(void)unused;
	for (u32 cpl = 0; cpl <= 3; cpl += 3) {
		write_dr0(cpl ? user_address(this_cpu()->code) : (uintptr_t)this_cpu()->code);
		tk_write_dr7(DR7_FIXED | DR7_L0);
		e = (struct exec){0};
		expect_db(&e, cpl, &snip_cpuid_nops, 0, DR6_B0, 0, "breakpoint on CPUID");
		e = (struct exec){.f.rflags = RFLAGS_RF};
		exec(&e, cpl, &snip_cpuid_nops);
		check(e.f.vector == VEC_DONE, "CPL %u RF: vector %u at +%lu", cpl, (u32)e.f.vector,
		      e.f.rip);
		tk_write_dr7(DR7_FIXED);
	}
}

/* A watched operand: the trap comes after the instruction; after MOV to SS one instruction later.
 */
static void data_breakpoints(void *unused)
{
	volatile u16 *word = (volatile u16 *)this_cpu()->data;
	static const struct {
		const struct snippet *code;
		u64 rip, behind_ss;
		const char *name;
	} list[] = {
		{&snip_load_cpuid_nops, 2, 0, "read watched"},
		{&snip_ss_nops, 3, 2, "MOV to SS watched, then NOP"},
		{&snip_ss_cpuid_nops, 4, 2, "MOV to SS watched, then CPUID"},
	};

	(void)unused;
	*word = TK_DATA;
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		struct exec e = {.f.gpr[RSI] = (uintptr_t)word};

		write_dr0((uintptr_t)word);
		tk_write_dr7(DR7_FIXED | DR7_L0 | DR7_RW0_DATA);
		expect_db(&e, 0, list[i].code, list[i].rip, DR6_B0, list[i].behind_ss,
			  list[i].name);
		tk_write_dr7(DR7_FIXED);
	}
}

void event_debug(void)
{
	on_each_cpu(single_steps, NULL);
	tap("a single step ends after CPUID, MOV to CR, MSR access, INVD and XSETBV");
	on_each_cpu(step_into_fault, NULL);
	tap("a single step into an instruction that faults gives the fault alone");
	on_each_cpu(breakpoint_on_cpuid, NULL);
	tap("a breakpoint on CPUID comes before it, RF passes it");
	on_each_cpu(data_breakpoints, NULL);
	tap("a data breakpoint comes after the instruction, MOV to SS holds it back for one more");
}
