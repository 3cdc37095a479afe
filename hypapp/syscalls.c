/* SPDX-License-Identifier: MIT */
/*
 * syscalls: the system calls of one process, by its CR3, in the trace. While one is watched
 * EFER.SCE is clear on all CPUs, which the guest does not see: SYSCALL and SYSRET are #UD then,
 * which exits, and are carried out here. Nothing of the guest is changed, and its kernel's entry
 * runs without exits.
 */
#include <stdatomic.h>

#include "hv/gmem.h"
#include "hv/hypapp.h"
#include "hv/hypercall.h"
#include "hv/pcpu.h"
#include "hv/watch.h"
#include "hv/world.h"
#include "hypapp/gdb/step_class.h"
#include "lib/fmt.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "x86/rflags.h"
#include "x86/seg.h"
#include "x86/vector.h"

#define KEPT_MAX    64
#define SYSRET_KEPT 0x3c7fd7ULL /* of R11 (Intel SDM vol. 2B, SYSRET) */

#define AR_CODE64 (SEG_AR_TYPE_CODE_RX | SEG_AR_S | SEG_AR_P | SEG_AR_L | SEG_AR_G)
#define AR_CODE32 (SEG_AR_TYPE_CODE_RX | SEG_AR_S | SEG_AR_P | SEG_AR_DB | SEG_AR_G)
#define AR_STACK  (SEG_AR_TYPE_DATA_RW | SEG_AR_S | SEG_AR_P | SEG_AR_DB | SEG_AR_G)

static _Atomic u64 watched; /* CR3 without its low bits; 0: none */
static _Atomic u32 calls;
static bool hidden[MAX_CPUS]; /* the guest's EFER.SCE is set, and the real one is not */

/* The first ones, for the report. */
static struct {
	u32 cpu;
	u64 number, argument[3];
} kept[KEPT_MAX];

static u64 get(struct vcpu *v, enum cpu_reg r)
{
	return backend->state_get(v, r);
}

static void set(struct vcpu *v, enum cpu_reg r, u64 value)
{
	backend->state_set(v, r, value);
}

static void show(struct vcpu *v)
{
	if (hidden[v->index])
		set(v, REG_EFER, get(v, REG_EFER) | EFER_SCE);
	hidden[v->index] = false;
}

static void hide(struct vcpu *v)
{
	u64 efer = get(v, REG_EFER);

	if (!(efer & EFER_SCE))
		return;
	set(v, REG_EFER, efer & ~EFER_SCE);
	hidden[v->index] = true;
}

/* This CPU does as `watched` now says. */
static void follow(struct vcpu *v, void *unused)
{
	(void)unused;
	if (atomic_load(&watched))
		hide(v);
	else
		show(v);
	v->exceptions = atomic_load(&watched) ? BIT(VECTOR_UD) : 0;
	backend->trap_events(v, 0, false);
}

static err_t syscalls_init(u32 cpus)
{
	u64 cr3 = 0;

	(void)cpus;
	hypapp_option_number("hypapp.syscalls.cr3", &cr3);
	atomic_store(&watched, cr3 & PTE_ADDR);
	msr_watch(MSR_EFER, true);
	hypapp_want(BIT(EXIT_EXCEPTION));
	return OK;
}

static void syscalls_on_start(struct vcpu *v)
{
	hidden[v->index] = false;
	follow(v, NULL);
}

/* The entry of that root that leads to a linear address. */
static u64 top_entry(u64 cr3, u64 linear)
{
	u64 e = 0;

	gmem_read_phys(cr3 + (linear >> 39 & 511) * sizeof(e), &e, sizeof(e));
	return e & PTE_ADDR;
}

/* The process that is watched: its kernel may have given it another root for CPL 3, which leads to
 * the same tables of its own. */
static bool is_watched(u64 cr3, u64 linear)
{
	u64 w = atomic_load(&watched), e;

	if (!w || cr3 == w)
		return w;
	e = top_entry(w, linear);
	return e && e == top_entry(cr3, linear);
}

static void log_call(struct vcpu *v, u64 rip)
{
	const u64 *r = v->gpr;
	u32 n;

	if (!is_watched(get(v, REG_CR3) & PTE_ADDR, rip))
		return;
	n = atomic_fetch_add(&calls, 1);
	trace_event(v, TRACE_SYSCALLS, r[GPR_RAX], r[GPR_RDI], r[GPR_RSI], r[GPR_RDX]);
	if (n >= KEPT_MAX)
		return;
	kept[n].cpu = v->index;
	kept[n].number = r[GPR_RAX];
	kept[n].argument[0] = r[GPR_RDI];
	kept[n].argument[1] = r[GPR_RSI];
	kept[n].argument[2] = r[GPR_RDX];
}

static void set_segment(struct vcpu *v, enum cpu_seg s, u64 selector, u32 ar)
{
	set(v, REG_SEG(s, SEG_SEL), selector & 0xffff);
	set(v, REG_SEG(s, SEG_BASE), 0);
	set(v, REG_SEG(s, SEG_LIMIT), 0xffffffff);
	set(v, REG_SEG(s, SEG_AR), ar);
}

/* Both as the CPU does them (Intel SDM vol. 2B, SYSCALL, SYSRET; AMD APM vol. 3, the same). RFLAGS
 * come first: a trap by TF is due by the new ones. */
static void do_syscall(struct vcpu *v, const struct exit *x, bool is_64)
{
	u64 rflags = get(v, REG_RFLAGS) & ~RFLAGS_RF, cs = get(v, REG_STAR) >> 32 & 0xfffc;

	set(v, REG_RFLAGS, (rflags & ~get(v, REG_FMASK)) | 2);
	backend->advance(v, x);
	v->gpr[GPR_RCX] = get(v, REG_RIP);
	v->gpr[GPR_R11] = rflags;
	set(v, REG_RIP, get(v, is_64 ? REG_LSTAR : REG_CSTAR));
	set_segment(v, SEG_CS, cs, AR_CODE64);
	set_segment(v, SEG_SS, cs + 8, AR_STACK);
}

static void do_sysret(struct vcpu *v, const struct exit *x, bool to_64)
{
	u64 cs = get(v, REG_STAR) >> 48 | 3;

	set(v, REG_RFLAGS, (v->gpr[GPR_R11] & SYSRET_KEPT) | 2);
	backend->advance(v, x);
	set(v, REG_RIP, to_64 ? v->gpr[GPR_RCX] : (u32)v->gpr[GPR_RCX]);
	set_segment(v, SEG_CS, to_64 ? cs + 16 : cs,
		    (to_64 ? AR_CODE64 : AR_CODE32) | SEG_AR_DPL_IS(3));
	set_segment(v, SEG_SS, cs + 8, AR_STACK | SEG_AR_DPL_IS(3));
}

static bool is_canonical(u64 linear)
{
	return linear + BIT(47) < BIT(48);
}

static enum exit_answer undefined(struct vcpu *v, const struct exit *x)
{
	enum insn_mode mode = gmem_code_mode(v);
	u8 b[INSN_MAX_BYTES];
	size_t n = gmem_fetch(v, x->rip, mode, b, sizeof(b));
	enum step_class class = step_classify(b, n, mode);
	struct exit done = *x;
	struct insn insn;
	bool wide;

	if (!(get(v, REG_EFER) & EFER_LMA) ||
	    (mode != INSN_64 && (class != STEP_SYSCALL || backend->vendor != CRM_AMD)))
		return EXIT_PASS;
	done.length = gmem_insn(v, x->rip, &insn);
	if (class == STEP_SYSCALL) {
		log_call(v, x->rip);
		do_syscall(v, &done, mode == INSN_64);
		return EXIT_RETRY;
	}
	if (class != STEP_SYSRET)
		return EXIT_PASS;
	wide = done.length > 2 && (b[done.length - 3] & 0xf8) == 0x48;
	if (SEG_AR_DPL(get(v, REG_SEG(SEG_SS, SEG_AR))) || (wide && !is_canonical(v->gpr[GPR_RCX])))
		return inject_gp(v);
	do_sysret(v, &done, wide);
	return EXIT_RETRY;
}

static enum exit_answer syscalls_on_exit(struct vcpu *v, const struct exit *x)
{
	bool msr = x->kind == EXIT_RDMSR || x->kind == EXIT_WRMSR;

	if (msr && (u32)v->gpr[GPR_RCX] == MSR_EFER && atomic_load(&watched)) {
		show(v); /* for Lamina's handler; until on_entry */
		v->entry_hook = true;
	}
	if (x->kind == EXIT_EXCEPTION && x->exception.vector == VECTOR_UD && hidden[v->index])
		return undefined(v, x);
	return EXIT_PASS;
}

static void syscalls_on_entry(struct vcpu *v)
{
	if (atomic_load(&watched))
		hide(v);
}

static enum exit_answer syscalls_hypercall(struct vcpu *v, u32 number)
{
	bool on = (u32)v->gpr[GPR_RCX];

	if (number != HC_SYSCALLS)
		return EXIT_PASS;
	v->gpr[GPR_RAX] = HC_ERANGE;
	if (!(get(v, REG_EFER) & EFER_LMA))
		return EXIT_ADVANCE;
	atomic_store(&watched, on ? get(v, REG_CR3) & PTE_ADDR : 0);
	for (u32 i = 0; i < cpu_count; i++)
		world_call(v, i, follow, NULL);
	v->gpr[GPR_RAX] = 0;
	v->gpr[GPR_RBX] = atomic_load(&calls);
	return EXIT_ADVANCE;
}

static void syscalls_report(emit_fn emit)
{
	u32 n = atomic_load(&calls);
	char line[120];

	fmt(line, sizeof(line), "syscalls: %u calls", n);
	emit(line);
	for (u32 i = 0; i < n && i < KEPT_MAX; i++) {
		const u64 *a = kept[i].argument;

		fmt(line, sizeof(line),
		    "syscalls: cpu%u: %" FMT64 "u (%" FMT64 "x, %" FMT64 "x, %" FMT64 "x)",
		    kept[i].cpu, kept[i].number, a[0], a[1], a[2]);
		emit(line);
	}
}

const struct hypapp syscalls_hypapp = {
	.name = "syscalls",
	.hypercalls = HC_NS(6),
	.init = syscalls_init,
	.on_exit = syscalls_on_exit,
	.on_entry = syscalls_on_entry,
	.on_start = syscalls_on_start,
	.hypercall = syscalls_hypercall,
	.report = syscalls_report,
};
