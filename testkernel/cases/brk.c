/* SPDX-License-Identifier: MIT */
/*
 * Code on pages with breakpoints of the hypervisor's. Under Lamina the page of each CPU's snippets
 * gets one (HC_BREAK) that is never reached, so that each of their instructions is stepped over in
 * secret; bare, the same code runs as it is. What it finds must be the same.
 */
#include "testkernel/exec.h"
#include "testkernel/groups.h"
#include "testkernel/lamina.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "lib/string.h"
#include "x86/msr.h"

#define MSR_STAR  0xc0000081
#define MSR_LSTAR 0xc0000082
#define NEVER	  0xff0u /* on the code page: no snippet is so long */
#define SHARED	  0x800u /* code for all CPUs on CPU 0's page */
#define ROUNDS	  200u
#define DR6_CLEAR 0xffff0ff0ULL
#define DR7_FIXED BIT(10)

static bool lamina;
static _Atomic u32 shared_count;

static bool set_break(u64 linear, u32 how)
{
	struct exec e = {.f.gpr[RAX] = HC_BREAK,
			 .f.gpr[RBX] = (u32)linear,
			 .f.gpr[RCX] = how,
			 .f.gpr[RDX] = linear >> 32};

	return lamina_call(&e, 0) == VEC_DONE && !(u32)e.f.gpr[RAX];
}

/* On all CPUs, at an offset on each CPU's code page. */
static void breaks(u32 offset, bool on)
{
	for (u32 i = 0; lamina && i < cpu_count; i++)
		check(set_break((uintptr_t)cpus[i].code + offset,
				HC_BREAK_ALL | (on ? 0 : HC_BREAK_OFF)),
		      "HC_BREAK is refused");
}

static void flags_in_memory(void *unused)
{
	struct exec e = {0};

	(void)unused;
	for (u32 cpl = 0; cpl <= 3; cpl += 3) {
		e = (struct exec){0};
		check(exec(&e, cpl, &snip_pushf_pop) == VEC_DONE, "PUSHF: vector %u",
		      (u32)e.f.vector);
		check(!(e.f.gpr[RAX] & RFLAGS_TF) && !(e.f.rflags & RFLAGS_TF),
		      "CPL %u: PUSHF pushes %lx, RFLAGS %lx", cpl, e.f.gpr[RAX], e.f.rflags);
		e = (struct exec){.f.gpr[RDI] = RFLAGS_FIXED | RFLAGS_TF};
		write_dr6(DR6_CLEAR);
		check(exec(&e, cpl, &snip_popf_nops) == VECTOR_DB && e.f.rip == 3 &&
			      (e.f.rflags & RFLAGS_TF),
		      "CPL %u: POPF with TF: vector %u at +%lu", cpl, (u32)e.f.vector, e.f.rip);
		write_dr6(DR6_CLEAR);
	}
	e = (struct exec){.f.gpr[RDI] = 0};
	check(exec(&e, 0, &snip_iretq) == VEC_DONE && !(e.f.rflags & RFLAGS_TF),
	      "IRET: vector %u at +%lu", (u32)e.f.vector, e.f.rip);
}

static void flags_in_frames(void *unused)
{
	static const struct {
		const struct snippet *s;
		u32 vector, rip;
	} faults[] = {{&snip_ud2, VECTOR_UD, 0},   {&snip_div, VECTOR_DE, 0},
		      {&snip_int3, VECTOR_BP, 1},  {&snip_int_soft, VEC_SOFT, 2},
		      {&snip_icebp, VECTOR_DB, 1}, {&snip_load32, VECTOR_PF, 0}};
	const u64 nowhere = 0x7000000000;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		for (u32 cpl = 0; cpl <= 3; cpl += 3) {
			struct exec e = {.f.gpr[RSI] = nowhere};
			u32 gate_closed = cpl && faults[i].s == &snip_int3 ? 1 : 0;

			exec(&e, cpl, faults[i].s);
			write_dr6(DR6_CLEAR);
			if (gate_closed && e.f.vector == VECTOR_GP)
				continue;
			check((e.f.vector == faults[i].vector && e.f.rip == faults[i].rip) ||
				      quirk_took(TCG_NO_INT1, faults[i].s == &snip_icebp &&
								      e.f.vector == VECTOR_UD),
			      "CPL %u, code %u: vector %u at +%lu", cpl, (u32)i, (u32)e.f.vector,
			      e.f.rip);
			check(!(e.f.rflags & RFLAGS_TF), "code %u: RFLAGS %lx", (u32)i, e.f.rflags);
			check(faults[i].vector != VECTOR_PF || e.cr2 == nowhere, "CR2 is %lx",
			      e.cr2);
		}
}

static void system_calls(void *unused)
{
	u64 efer = rdmsr(MSR_EFER), star = rdmsr(MSR_STAR), lstar = rdmsr(MSR_LSTAR),
	    fmask = rdmsr(MSR_FMASK);

	(void)unused;
	wrmsr(MSR_EFER, efer | EFER_SCE);
	wrmsr(MSR_STAR, (u64)TK_CODE64 << 32);
	wrmsr(MSR_LSTAR, (uintptr_t)this_cpu()->code + snip_syscall.size);
	for (u32 i = 0; i < 2; i++) {
		u64 mask = i ? RFLAGS_TF | RFLAGS_CF : 0;
		struct exec e = {.f.rflags = RFLAGS_CF};

		wrmsr(MSR_FMASK, mask);
		check(exec(&e, 0, &snip_syscall) == VEC_DONE, "SYSCALL: vector %u at +%lu",
		      (u32)e.f.vector, e.f.rip);
		check(e.f.gpr[R11] == (RFLAGS_FIXED | RFLAGS_CF) && !(e.f.rflags & RFLAGS_TF),
		      "SYSCALL: R11 %lx, RFLAGS %lx", e.f.gpr[R11], e.f.rflags);
		check(rdmsr(MSR_FMASK) == mask, "FMASK is %lx", rdmsr(MSR_FMASK));
	}
	wrmsr(MSR_FMASK, fmask);
	wrmsr(MSR_LSTAR, lstar);
	wrmsr(MSR_STAR, star);
	wrmsr(MSR_EFER, efer);
}

static void code_is_memory(void *unused)
{
	struct exec e = {0};
	struct cpu *c = this_cpu();

	(void)unused;
	check(exec(&e, 0, &snip_patch_ahead) == VEC_DONE && (u32)e.f.gpr[RAX] == 7,
	      "patched code: vector %u, EAX %lx", (u32)e.f.vector, e.f.gpr[RAX]);
	e = (struct exec){.f.gpr[RCX] = 1000};
	check(exec(&e, 0, &snip_count_down) == VEC_DONE && !e.f.gpr[RCX], "loop: RCX %lx",
	      e.f.gpr[RCX]);
	check(!memcmp(c->code, snip_count_down.code, snip_count_down.size),
	      "the code on the page is another");
	e = (struct exec){.f.gpr[RCX] = 64};
	memset(c->data, 0x5a, 64);
	memset(c->data + 64, 0, 64);
	e.f.gpr[RSI] = exec_data(0);
	e.f.gpr[RDI] = exec_data(0) + 64;
	check(exec(&e, 0, &snip_rep_movsb) == VEC_DONE && !memcmp(c->data, c->data + 64, 64),
	      "REP MOVSB: vector %u, RCX %lx", (u32)e.f.vector, e.f.gpr[RCX]);
}

static void debug_registers(void *unused)
{
	struct exec e = {0};

	(void)unused;
	write_dr0(0x1234560);
	write_dr6(DR6_CLEAR);
	exec(&e, 0, &snip_nops);
	check(tk_read_dr0() == 0x1234560 && read_dr6() == DR6_CLEAR && tk_read_dr7() == DR7_FIXED,
	      "DR0 %lx, DR6 %lx, DR7 %lx", tk_read_dr0(), read_dr6(), tk_read_dr7());
	check(exec(&e, 0, &snip_read_dr6) == VEC_DONE && e.f.gpr[RAX] == DR6_CLEAR,
	      "MOV from DR6 gives %lx", e.f.gpr[RAX]);
	write_dr0(0);
}

/* `lock incl (%rdi)` and the end, on CPU 0's page, by way of a jump on the CPU's own. */
static void run_shared(void *count)
{
	(void)count;
	for (u32 i = 0; i < ROUNDS; i++) {
		struct exec e = {.f.gpr[RSI] = (uintptr_t)cpus[0].code + SHARED,
				 .f.gpr[RDI] = (uintptr_t)&shared_count};

		if (exec(&e, 0, &snip_jump) != VEC_DONE)
			return;
	}
}

static void all_at_once(void)
{
	static const u8 done[2] = {0xcd, VEC_DONE};
	u8 *code = cpus[0].code + SHARED;

	memcpy(code, snip_lock_inc.code, snip_lock_inc.size);
	memcpy(code + snip_lock_inc.size, done, sizeof(done));
	shared_count = 0;
	for (u32 i = 1; i < cpu_count; i++)
		start_on(i, run_shared, NULL);
	run_shared(NULL);
	for (u32 i = 1; i < cpu_count; i++)
		finish_on(i);
	check(shared_count == cpu_count * ROUNDS, "%u turns, not %u", shared_count,
	      cpu_count * ROUNDS);
}

/* One of each CPU's snippets comes by. */
static void reach(void *unused)
{
	struct exec e = {.f.gpr[RAX] = 0xb4ea0000 + this_cpu()->index};

	(void)unused;
	check(exec(&e, 0, &snip_nops) == VEC_DONE, "vector %u", (u32)e.f.vector);
}

void group_break(void)
{
	lamina = lamina_here();
	breaks(NEVER, true);
	on_each_cpu(flags_in_memory, NULL);
	tap("flags that are pushed and loaded are the guest's");
	on_each_cpu(flags_in_frames, NULL);
	tap("so are those in the frames of exceptions");
	on_each_cpu(system_calls, NULL);
	tap("SYSCALL saves and masks them");
	on_each_cpu(code_is_memory, NULL);
	tap("code reads as what it is, changes, loops and repeats");
	on_each_cpu(debug_registers, NULL);
	tap("the debug registers are as they were");
	all_at_once();
	tap("all CPUs are on one page at once");
	breaks(1, true);
	on_each_cpu(reach, NULL);
	breaks(1, false);
	on_each_cpu(reach, NULL);
	breaks(NEVER, false);
	tap("every CPU came by");
}
