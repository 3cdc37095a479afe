/* SPDX-License-Identifier: MIT */
/*
 * Whose fault is an access to CR0 or CR4 that exits: the judgement of verdict/, live. A line for
 * each that is somebody's, for the first of them or for all, as log= wants; with log=cr one for
 * every exit. These lines are written at once, while the guest CPU waits: a serial line needs
 * milliseconds.
 */
#include "core/cr.h"

#include "core/core.h"
#include "core/probe.h"
#include "core/serial.h"
#include "core/trace.h"
#include "hv/gmem.h"
#include "lib/fmt.h"
#include "lib/spinlock.h"
#include "x86/cpuid.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"
#include "x86/seg.h"

/* Lines about faults without log=verdict; the others are only counted, or a loop would fill the
 * log. */
#define FAULT_LINES 32

static _Atomic u64 unexpected, verdicts[V_COUNT], dropped, leaks[CRM_CRS];
static _Atomic bool started, log_all;
static struct spinlock lock; /* one line after the other */
static bool has_l0, counts_smis;
static struct {
	struct crm_cr cr[CRM_CRS]; /* as Lamina set them last */
	u64 smis;		   /* at the last access that exited */
} kept[MAX_CPUS];

u64 cr_unexpected(void)
{
	return atomic_load(&unexpected);
}

u64 cr_verdicts(enum verdict verdict)
{
	return atomic_load(&verdicts[verdict]);
}

u64 cr_dropped(void)
{
	return atomic_load(&dropped);
}

void cr_log_all(bool on)
{
	atomic_store(&log_all, on);
}

void cr_judge_start(void)
{
	u64 smis = 0;

	has_l0 = (cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR) &&
		 cpuid(0x40000000, 0).ebx != CPUID_40000000_EBX_TCG;
	counts_smis = has_l0 && backend->vendor == CRM_INTEL && rdmsr_safe(MSR_SMI_COUNT, &smis);
	for (u32 i = 0; counts_smis && i < MAX_CPUS; i++)
		kept[i].smis = smis;
	for (enum crm_name n = CRM_CR0; n < CRM_CRS; n++)
		atomic_store(&leaks[n], probe_leaked(n));
	cr_log_all(machine.opt.log == OPT_LOG_CR);
	atomic_store(&started, true);
}

void cr_judge_set(struct vcpu *v, enum crm_name name, const struct crm_cr *c)
{
	kept[v->index].cr[name] = *c;
}

/* --- what is known --- */

/* To and from an SMI L0's kernel loads the registers. Without one it was its userspace, but for
 * CR0, which the kernel shows wrong by itself. */
static void know_smis(struct vcpu *v, enum crm_name name, struct machine_facts *m)
{
	u64 smis;

	if (!counts_smis || !rdmsr_safe(MSR_SMI_COUNT, &smis))
		return;
	m->l0_kernel = smis != kept[v->index].smis;
	m->l0_user = !m->l0_kernel && name == CRM_CR4;
	kept[v->index].smis = smis;
}

static struct machine_facts know_machine(struct vcpu *v, enum crm_name name)
{
	struct machine_facts m = {
		.amd = backend->vendor == CRM_AMD, .emulator = !has_l0, .l0 = has_l0};

	for (enum crm_name n = CRM_CR0; n < CRM_CRS; n++)
		m.leaks[n] = atomic_load(&leaks[n]);
	know_smis(v, name, &m);
	return m;
}

/* The state of the register, and where it is not as Lamina left it. */
static void know_state(struct vcpu *v, const struct crm_cr *now, struct access *a)
{
	const struct crm_cr *was = &kept[v->index].cr[a->cr];
	bool follows = a->cr == CRM_CR0 && backend->vendor == CRM_AMD; /* as get() of exit_cr.c */
	u64 ts = follows ? now->hw & ~was->hw & CR0_TS : 0;
	u64 owned = was->owned & ~ts;

	a->has |= HAS_CPU | HAS_RIP | HAS_HW | HAS_OWNED | HAS_SHADOW;
	a->from_lamina = true;
	a->cpu = v->index;
	a->hw = now->hw;
	a->owned = now->owned;
	a->shadow = now->shadow;
	a->hw_moved = (now->hw ^ was->hw) & owned;
	owned &= ~(follows ? CR0_BY_SMI : 0);
	a->shadow_moved = now->owned != was->owned || ((now->shadow ^ was->shadow) & owned) != 0;
}

/* The code before the write, as much as lies in its page. */
static void know_code(struct vcpu *v, const struct exit *x, struct access *a)
{
	enum insn_mode mode = gmem_code_mode(v);
	u64 base = mode == INSN_64 ? 0 : backend->state_get(v, REG_SEG(SEG_CS, SEG_BASE));
	u64 end = base + x->rip;
	size_t n = (size_t)(end % PAGE_SIZE < CODE_BYTES ? end % PAGE_SIZE : CODE_BYTES);
	u8 bytes[CODE_BYTES];

	if (gmem_read(v, end - n, bytes, n) == n)
		judge_code(a, bytes, n, mode, x->cr.gpr);
}

/* --- the judgement --- */

static void count(struct cr_case *c)
{
	enum verdict verdict = c->verdict.verdict;

	if (verdict != V_OK)
		atomic_fetch_add(&verdicts[verdict], 1);
	if (verdict == V_PLATFORM)
		atomic_fetch_or(&leaks[c->access.cr], c->verdict.bits);
}

static u64 drop(struct cr_case *c)
{
	enum verdict verdict = c->verdict.verdict;
	bool leaked = verdict == V_PLATFORM && machine.opt.quirk != OPT_QUIRK_OFF;
	bool perhaps = verdict == V_UNDECIDED && machine.opt.quirk == OPT_QUIRK_LEAK;

	if (leaked || perhaps)
		c->dropped = c->verdict.bits & followed_bits(&c->access);
	if (c->dropped)
		atomic_fetch_add(&dropped, 1);
	return c->dropped;
}

u64 cr_judge(struct vcpu *v, const struct exit *x, const struct crm_cpu *before,
	     const struct crm_insn *i, const struct crm_result *r, struct cr_case *c)
{
	struct access *a = &c->access;

	*a = (struct access){.cr = x->cr.cr == 4 ? CRM_CR4 : CRM_CR0, .op = i->op};
	c->dropped = c->verdict.bits = 0;
	c->verdict.verdict = V_OK;
	if (x->cr.cr == 3 || !atomic_load(&started))
		return 0;
	a->cs = (u32)backend->state_get(v, REG_SEG(SEG_CS, SEG_SEL));
	a->rip = x->rip;
	a->value = crm_width(before, i->value);
	a->has = i->op == CRM_MOV_TO ? HAS_VALUE : 0;
	a->unexpected = !crm_exits(before, i);
	a->accepted = r->verdict == CRM_OK;
	a->after = a->accepted ? r->value : crm_read(&before->cr[a->cr]);
	a->shown = before->cr4_fixed;
	know_state(v, &before->cr[a->cr], a);
	c->facts = know_machine(v, a->cr);
	if (!is_odd(a))
		return 0;
	if (a->has & HAS_VALUE && followed_bits(a))
		know_code(v, x, a);
	if (a->unexpected)
		atomic_fetch_add(&unexpected, 1);
	judge(a, &c->facts, &c->verdict);
	count(c);
	return i->op == CRM_MOV_TO ? drop(c) : 0;
}

enum verdict cr_judge_read(struct vcpu *v, enum crm_name name, u64 read)
{
	struct crm_cpu cpu = cr_model(v);
	struct cr_case c = {.access = {.has = HAS_READ, .op = CRM_MOV_FROM, .cr = name}};
	const struct crm_cr *now = &cpu.cr[name];

	c.access.read = (read & now->owned) | (now->hw & ~now->owned);
	c.access.shown = cpu.cr4_fixed;
	know_state(v, now, &c.access);
	c.facts = know_machine(v, name);
	judge(&c.access, &c.facts, &c.verdict);
	count(&c);
	trace_verdict(v, &c);
	return c.verdict.verdict;
}

/* --- the log --- */

static const char *insn_text(const struct exit *x)
{
	switch (x->cr.access) {
	case CR_LMSW: return "LMSW";
	case CR_CLTS: return "CLTS";
	case CR_MOV_FROM: return x->cr.cr == 4 ? "MOV from CR4" : "MOV from CR0";
	default: return x->cr.cr == 4 ? "MOV CR4" : "MOV CR0";
	}
}

static bool wanted(const struct cr_case *c)
{
	static _Atomic u64 lines;

	if (atomic_load(&log_all))
		return true;
	if (c->verdict.verdict == V_OK)
		return false;
	return machine.opt.log == OPT_LOG_VERDICT || atomic_fetch_add(&lines, 1) < FAULT_LINES;
}

void cr_log(struct vcpu *v, const struct exit *x, const struct cr_case *c,
	    const struct crm_result *r)
{
	static const char *const result[] = {
		[CRM_OK] = "accepted", [CRM_EXIT] = "exit", [CRM_GP] = "#GP", [CRM_UD] = "#UD"};
	const struct access *a = &c->access;
	enum verdict verdict = c->verdict.verdict;
	struct crm_cr cr = {.hw = a->hw, .owned = a->owned, .shadow = a->shadow};
	char judged[240] = "";
	u64 proposed = r->verdict == CRM_OK ? r->value : a->value;

	if (x->cr.cr == 3 || !atomic_load(&started))
		return;
	trace_cr(v, x, c, proposed, r->verdict == CRM_OK ? 0 : TRACE_CR_REFUSED);
	if (!wanted(c))
		return;
	if (verdict != V_OK)
		fmt(judged, sizeof(judged), "%s; verdict: %s: %s",
		    c->dropped ? ", without the bits shown" : "", verdict_name(verdict, &c->facts),
		    c->verdict.evidence);
	spin_lock(&lock, v->index);
	say("%scpu %u %04x:%" FMT64 "x %s %" FMT64 "x -> %" FMT64 "x hw %" FMT64 "x owned %" FMT64
	    "x shadow %" FMT64 "x: %s%s",
	    a->unexpected ? "unexpected exit, " : "", v->index, a->cs, x->rip, insn_text(x),
	    crm_read(&cr), proposed, a->hw, a->owned, a->shadow, result[r->verdict], judged);
	spin_unlock(&lock);
}
