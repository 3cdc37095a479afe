/* SPDX-License-Identifier: MIT */
/*
 * Hardware task switches, which a hypervisor on VT-x has to carry out itself: by JMP, CALL, INT and
 * IRET, by exceptions, NMIs and interrupts through task gates as 32-bit systems have them for #DF,
 * NMI and #MC, to 16-bit and virtual-8086 tasks, and with faults on the way (Intel SDM vol.
 * 3A, 8.2, 8.3).
 */
#include "testkernel/bits.h"
#include "testkernel/groups.h"
#include "testkernel/lapic.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/task.h"
#include "lib/string.h"
#include "x86/cpuid.h"
#include "x86/cr.h"
#include "x86/rflags.h"

#define ARITHMETIC 0x8d5u /* CF PF AF ZF SF OF */
#define DR6_BT	   BIT(15)
#define DR6_CLEAR  0xffff0ff0ULL
#define DR7_FIXED  BIT(10)
#define DR7_L0	   BIT(0)
#define BUSY	   (2ULL << 40)

static const char *const paging_name[TASK_PAGINGS] = {"unpaged", "32-bit paging", "PAE"};
static enum task_paging paging;

static struct task_world *prepare(const u8 *op, const u8 *code)
{
	return task_prepare(paging, op, code);
}

static bool is_busy(const struct task_world *w, u32 selector)
{
	return w->gdt[selector / 8] & BUSY;
}

static u32 stack_of(const struct task_world *w)
{
	return w->run.stack - 4; /* the operation was called */
}

/* The other task has what its TSS says, TS is set, and NT and the link tell how it came. */
static void check_task(struct task_world *w, u32 n, bool nested, const char *what)
{
	const struct task_seen *s = &w->run.seen[n];
	u32 cr3 = paging ? w->task.cr3 : w->run.cr3;

	check(s->tr == TS_TASK && s->ldt == TS_LDT, "%s: TR %x, LDTR %x", what, s->tr, s->ldt);
	check(s->eax == 0xb0b0b0b0 && s->ecx == 0xb1b1b1b1 && s->edx == 0xb2b2b2b2 &&
		      s->ebx == 0xb3b3b3b3 && s->ebp == 0xb5b5b5b5 && s->esi == 0xb6b6b6b6 &&
		      s->edi == 0xb7b7b7b7,
	      "%s: EAX %x ECX %x EDX %x EBX %x EBP %x ESI %x EDI %x", what, s->eax, s->ecx, s->edx,
	      s->ebx, s->ebp, s->esi, s->edi);
	check((s->eflags & (ARITHMETIC | (u32)RFLAGS_NT | 2)) ==
		      (0x893u | (nested ? (u32)RFLAGS_NT : 0)),
	      "%s: EFLAGS %x", what, s->eflags);
	check((s->cs & 0xffff) == TS_CODE && (s->ss & 0xffff) == TK_DATA &&
		      (s->ds & 0xffff) == TK_DATA && (s->es & 0xffff) == TK_DATA &&
		      (s->fs & 0xffff) == TS_RUN && !(s->gs & 0xffff),
	      "%s: CS %x SS %x DS %x ES %x FS %x GS %x", what, s->cs, s->ss, s->ds, s->es, s->fs,
	      s->gs);
	check(s->cr3 == cr3 && (!paging || s->mark == TASK_MARK), "%s: CR3 %x, not %x, memory %x",
	      what, s->cr3, cr3, s->mark);
	check(s->cr0 == (w->run.cr0 | CR0_TS), "%s: CR0 %x, not %x", what, s->cr0,
	      w->run.cr0 | (u32)CR0_TS);
	check(!nested || (w->task.link & 0xffff) == TS_MAIN, "%s: link %x", what, w->task.link);
}

/* The operation's task goes on with the registers that it had. */
static void check_main(struct task_world *w, u32 n, const char *what)
{
	const struct task_seen *s = &w->run.seen[n];

	check(s->tr == TS_MAIN && !s->ldt, "%s: TR %x, LDTR %x", what, s->tr, s->ldt);
	check(s->eax == 0xa0a0a0a0 && s->ecx == 0xa1a1a1a1 && s->edx == 0xa2a2a2a2 &&
		      s->ebx == 0xa3a3a3a3 && s->ebp == 0xa5a5a5a5 && s->esi == 0xa6a6a6a6 &&
		      s->edi == 0xa7a7a7a7,
	      "%s: EAX %x ECX %x EDX %x EBX %x EBP %x ESI %x EDI %x", what, s->eax, s->ecx, s->edx,
	      s->ebx, s->ebp, s->esi, s->edi);
	check((s->eflags & (ARITHMETIC | (u32)RFLAGS_NT)) == ARITHMETIC, "%s: EFLAGS %x", what,
	      s->eflags);
	check(s->esp + 4 == stack_of(w), "%s: ESP %x, not %x", what, s->esp + 4, stack_of(w));
	check(s->cr3 == w->run.cr3 && s->mark != TASK_MARK, "%s: CR3 %x, not %x, memory %x", what,
	      s->cr3, w->run.cr3, s->mark);
	check(is_busy(w, TS_MAIN) && !is_busy(w, TS_TASK), "%s: busy: main %u, task %u", what,
	      is_busy(w, TS_MAIN), is_busy(w, TS_TASK));
}

/* There and back: two records, or three where the way leads there twice. */
static void round_trip(const u8 *op, const u8 *code, bool nested, const char *what)
{
	struct task_world *w = prepare(op, code);
	u32 n;

	write_dr0(0);			  /* where nothing is executed */
	tk_write_dr7(DR7_FIXED | DR7_L0); /* which does not stay */
	n = task_go(w);
	check(n == 2, "%s: %u tasks ran", what, n);
	check_task(w, 0, nested, what);
	check(w->run.seen[0].esp + 4 == w->task.gpr[4], "%s: ESP %x", what, w->run.seen[0].esp);
	check_main(w, 1, what);
	check(!(tk_read_dr7() & 0xff), "%s: DR7 %lx", what, tk_read_dr7());
	tk_write_dr7(DR7_FIXED);
}

static void by_instruction(void *unused)
{
	(void)unused;
	round_trip(task_op_jump, task_jump, false, "JMP");
	round_trip(task_op_call, task_iret, true, "CALL");
	round_trip(task_op_gate, task_iret, true, "CALL of a task gate");
	round_trip(task_op_int, task_iret, true, "INT");
}

/* By an exception, whose error code lies on the new stack; the old task is at the instruction. */
static void exception(const u8 *op, const u8 *at, u32 vector, bool has_error, u32 error,
		      const char *what)
{
	struct task_world *w = prepare(op, task_end);
	const struct task_seen *s = w->run.seen;
	u32 n, sp = w->task.gpr[4] - (has_error ? 4 : 0);

	task_gate(w, vector);
	if (vector == VECTOR_DF)
		w->idt[VECTOR_GP] = 0;
	n = task_go(w);
	check(n == 1, "%s: %u tasks ran", what, n);
	check_task(w, 0, true, what);
	check(s->esp + 4 == sp && (!has_error || s->stack[0] == error),
	      "%s: ESP %x, not %x, error code %x", what, s->esp + 4, sp, s->stack[0]);
	check(w->main.eip == (uintptr_t)at && w->main.gpr[0] == 0xa0a0a0a0 &&
		      w->main.gpr[4] == stack_of(w) && (w->main.cs & 0xffff) == TK_CODE32,
	      "%s: old task: EIP +%u EAX %x ESP %x CS %x", what, w->main.eip - w->run.op,
	      w->main.gpr[0], w->main.gpr[4], w->main.cs);
	check(is_busy(w, TS_MAIN) && is_busy(w, TS_TASK), "%s: busy: main %u, task %u", what,
	      is_busy(w, TS_MAIN), is_busy(w, TS_TASK));
}

static void by_exception(void *unused)
{
	(void)unused;
	exception(task_op_ud, task_at_ud, VECTOR_UD, false, 0, "#UD");
	exception(task_op_gp, task_at_gp, VECTOR_GP, true, 0xa0a0 & ~3u, "#GP");
	exception(task_op_gp, task_at_gp, VECTOR_DF, true, 0, "#DF");
}

static void by_event(const u8 *op, u32 vector, u32 times, const char *what)
{
	struct task_world *w = prepare(op, task_iret);
	u32 n;

	task_gate(w, vector);
	n = task_go(w);
	check(n == times + 1, "%s: %u tasks ran", what, n);
	for (u32 i = 0; i < times; i++)
		check(w->run.seen[i].tr == TS_TASK && (w->run.seen[i].eflags & RFLAGS_NT),
		      "%s %u: TR %x EFLAGS %x", what, i, w->run.seen[i].tr, w->run.seen[i].eflags);
	check(w->run.seen[times].tr == TS_MAIN && !is_busy(w, TS_TASK) &&
		      !(w->run.seen[times].eflags & RFLAGS_NT),
	      "%s: then TR %x EFLAGS %x, busy %u", what, w->run.seen[times].tr,
	      w->run.seen[times].eflags, is_busy(w, TS_TASK));
}

static void by_events(void *unused)
{
	(void)unused;
	by_event(task_op_nmi, VECTOR_NMI, 2, "NMI");
	by_event(task_op_irq, TASK_VECTOR, 1, "interrupt");
	lapic_eoi();
}

/* A 16-bit TSS holds halves of the registers, no FS, GS and CR3. */
static void to_16bit(void *unused)
{
	struct task_world *w = prepare(task_op_jump16, task_jump);
	const struct task_seen *s = w->run.seen;
	u32 n;

	(void)unused;
	w->task16 = (struct tss16){
		.flags = 0x891,
		.gpr = {0xc0c0, 0xc1c1, 0xc2c2, 0xc3c3, 0x7f00, 0xc5c5, 0xc6c6, 0xc7c7},
		.es = TK_DATA,
		.cs = TS_CODE,
		.ss = TS_STACK16,
		.ds = TK_DATA,
		.ldt = TS_LDT,
	};
	n = task_go(w);
	check(n == 2, "%u tasks ran", n);
	check(s->tr == TS_TASK16 && s->ldt == TS_LDT && s->cr3 == w->run.cr3,
	      "TR %x, LDTR %x, CR3 %x", s->tr, s->ldt, s->cr3);
	check((u16)s->eax == 0xc0c0 && (u16)s->ecx == 0xc1c1 && (u16)s->edi == 0xc7c7 &&
		      !(s->fs & 0xffff) && !(s->gs & 0xffff),
	      "EAX %x ECX %x EDI %x FS %x GS %x", s->eax, s->ecx, s->edi, s->fs, s->gs);
	check_main(w, 1, "back from 16 bits");
}

/* A task in virtual-8086 mode, which leaves it by #UD. */
static void to_v86(void *unused)
{
	struct task_world *w = prepare(task_op_jump, task_end);
	const struct task_seen *s = w->run.seen;
	u32 ip = this_cpu()->index * 16, n;

	(void)unused;
	*(volatile u16 *)(uintptr_t)(RM_BUFFER + ip) = 0x0b0f; /* UD2 */
	w->task.eflags |= (u32)RFLAGS_VM;
	w->task.cs = RM_BUFFER >> 4;
	w->task.eip = ip;
	w->task.ss = 0x1234;
	w->task.ds = 0x2345;
	w->task.es = 0x3456;
	w->task.fs = 0x4567;
	w->task.gs = 0x5678;
	n = task_go(w);
	check(n == 1 && s->stack[0] == VECTOR_UD, "%u tasks ran, vector %u", n, s->stack[0]);
	check(s->tr == TS_TASK && s->eax == 0xb0b0b0b0 && s->edi == 0xb7b7b7b7,
	      "TR %x EAX %x EDI %x", s->tr, s->eax, s->edi);
	check(s->stack[2] == ip && (u16)s->stack[3] == RM_BUFFER >> 4 &&
		      (s->stack[4] & RFLAGS_VM) && (u16)s->stack[6] == 0x1234 &&
		      (u16)s->stack[7] == 0x3456 && (u16)s->stack[8] == 0x2345 &&
		      (u16)s->stack[9] == 0x4567 && (u16)s->stack[10] == 0x5678,
	      "EIP %x CS %x EFLAGS %x SS %x ES %x DS %x FS %x GS %x", s->stack[2], s->stack[3],
	      s->stack[4], s->stack[6], s->stack[7], s->stack[8], s->stack[9], s->stack[10]);
}

/* With VME an 8086 program has its own INT n and a virtual IF; without, INT n is #GP. */
static void to_vme(void *unused)
{
	/* int $0x70; cli; pushf; pop %cx; sti; pushf; pop %dx; ud2; behind them mov $0x5a5a, %bx;
	 * iret */
	static const u8 code[] = {0xcd, 0x70, 0xfa, 0x9c, 0x59, 0xfb, 0x9c,
				  0x5a, 0x0f, 0x0b, 0xbb, 0x5a, 0x5a, 0xcf};
	struct task_world *w = prepare(task_op_jump, task_end);
	const struct task_seen *s = w->run.seen;
	bool vme = cpuid(1, 0).edx & BIT(1);
	u32 entry = RM_BUFFER + 10, n;

	(void)unused;
	memcpy((void *)(uintptr_t)RM_BUFFER, code, sizeof(code));
	memcpy((void *)(uintptr_t)(0x70 * 4), &entry, 4);
	w->run.cr4 |= vme ? (u32)CR4_VME : 0;
	w->task.eflags |= (u32)(RFLAGS_VM | RFLAGS_VIF);
	w->task.cs = RM_BUFFER >> 4;
	w->task.ss = w->task.ds = w->task.es = 0x1234;
	w->task.fs = 0;
	n = task_go(w);
	check(n == 1 && s->stack[0] == (vme ? VECTOR_UD : VECTOR_GP),
	      "VME %u: %u tasks ran, vector %u", vme, n, s->stack[0]);
	check(!vme || ((u16)s->ebx == 0x5a5a && !(s->ecx & RFLAGS_IF) && (s->edx & RFLAGS_IF) &&
		       (s->stack[4] & RFLAGS_VIF)),
	      "EBX %x ECX %x EDX %x EFLAGS %x", s->ebx, s->ecx, s->edx, s->stack[4]);
}

/* T of the new TSS: #DB before its first instruction. */
static void debug_trap(void *unused)
{
	struct task_world *w = prepare(task_op_jump, task_end);
	const struct task_seen *s = w->run.seen;
	u32 n;

	(void)unused;
	w->task.trap = 1;
	write_dr6(DR6_CLEAR);
	n = task_go(w);
	check((n == 1 && s->stack[0] == VECTOR_DB && s->stack[2] == 0 && s->tr == TS_TASK &&
	       (tk_read_dr6() & DR6_BT)) ||
		      quirk_took(TCG_NO_TASK_TRAP, n == 1 && s->eax == 0xb0b0b0b0),
	      "%u tasks ran, vector %u, EIP %x, TR %x, DR6 %lx", n, s->stack[0], s->stack[2], s->tr,
	      tk_read_dr6());
	write_dr6(DR6_CLEAR);
}

/* Faults: which vector and error code, and in which task. */
static void fault(struct task_world *w, u32 vector, u32 error, u32 task, const char *what)
{
	const struct task_seen *s = w->run.seen;
	u32 n = task_go(w);

	check(n == 1 && s->stack[0] == vector && s->tr == task &&
		      (s->stack[1] == error ||
		       quirk_took(TCG_TASK_FAULT_STACK, task == TS_TASK && error == TK_DATA)),
	      "%s: %u tasks ran, vector %u, error code %x, TR %x", what, n, s->stack[0],
	      s->stack[1], s->tr);
}

static void faults(void *unused)
{
	struct task_world *w = prepare(task_op_small, task_end);

	(void)unused;
	fault(w, VECTOR_TS, TS_SMALL, TS_MAIN, "a TSS that is too small");
	w = prepare(task_op_jump, task_end);
	w->task.ds = TS_ABSENT;
	fault(w, VECTOR_NP, TS_ABSENT, TS_TASK, "DS not present");
	w = prepare(task_op_jump, task_end);
	w->task.gs = TK_TSS;
	fault(w, VECTOR_TS, TK_TSS, TS_TASK, "GS is no data");
	w = prepare(task_op_jump, task_end);
	w->task.es = 0x7ff8;
	fault(w, VECTOR_TS, 0x7ff8, TS_TASK, "ES beyond the GDT");
	w = prepare(task_op_jump, task_end);
	w->task.ldt = TK_DATA;
	fault(w, VECTOR_TS, TK_DATA, TS_TASK, "LDTR is no LDT");
	w = prepare(task_op_jump, task_end);
	w->task.cs = TS_UCODE;
	fault(w, VECTOR_TS, TK_DATA, TS_TASK, "SS of another privilege level");
	w = prepare(task_op_jump, task_end);
	w->gdt[TS_TASK / 8] |= BUSY;
	fault(w, VECTOR_GP, TS_TASK, TS_MAIN, "JMP to a busy task");
}

/* To CPL 3: the first instruction that is not allowed there shows it. */
static void to_user(void *unused)
{
	struct task_world *w = prepare(task_op_jump, task_end);
	const struct task_seen *s = w->run.seen;
	u32 n, ip = RM_BUFFER + this_cpu()->index * 16;

	(void)unused;
	*(volatile u16 *)(uintptr_t)ip = 0xf4f4; /* HLT */
	w->task.cs = TS_UCODE;
	w->task.eip = ip;
	w->task.ss = w->task.ds = w->task.es = TS_UDATA;
	w->task.fs = 0;
	n = task_go(w);
	check(n == 1 && s->stack[0] == VECTOR_GP && s->stack[2] == ip && s->stack[3] == TS_UCODE &&
		      s->stack[5] == w->task.gpr[4] && s->stack[6] == TS_UDATA && s->tr == TS_TASK,
	      "%u tasks ran, vector %u, EIP %x CS %x ESP %x SS %x", n, s->stack[0], s->stack[2],
	      s->stack[3], s->stack[5], s->stack[6]);
}

void group_task(void)
{
	static const struct {
		work_fn fn;
		const char *what;
	} kind[] = {
		{by_instruction, "JMP, CALL, INT and IRET switch tasks"},
		{by_exception, "#UD, #GP and #DF through task gates"},
		{by_events, "NMIs and an interrupt through task gates"},
		{to_16bit, "a 16-bit task"},
		{to_v86, "a task in virtual-8086 mode"},
		{to_vme, "INT n and IF of an 8086 program"},
		{to_user, "a task at CPL 3"},
		{debug_trap, "a task with the debug trap flag"},
		{faults, "faults before and behind the switch"},
	};

	for (paging = TASK_UNPAGED; paging < TASK_PAGINGS; paging++)
		for (u32 i = 0; i < ARRAY_SIZE(kind); i++) {
			on_each_cpu(kind[i].fn, NULL);
			tap("%s, %s", paging_name[paging], kind[i].what);
		}
	probe_all();
	tap("the probe after all");
}
