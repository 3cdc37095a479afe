/* SPDX-License-Identifier: MIT */
/*
 * msrwatch: every write of chosen MSRs, by whom, when and where, in the trace. With
 * hypapp.msrwatch.pin= each CPU's value stays once it is not zero: another gets #GP(0). Of EFER
 * only SCE and NXE stay, once set.
 */
#include "hv/console.h"
#include "hv/hypapp.h"
#include "hv/hypercall.h"
#include "hv/watch.h"
#include "hypapp/refusals.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "x86/msr.h"

#define MSRS_MAX 16
static u32 msrs[MSRS_MAX], msr_count;
static _Atomic u32 pinned, writes;
static struct refusals refusals;

static const u32 standard[] = {MSR_EFER,  MSR_STAR,	    MSR_LSTAR,
			       MSR_CSTAR, MSR_SYSENTER_EIP, MSR_SYSENTER_ESP};

static void add(u64 msr)
{
	if (msr_count < MSRS_MAX && msr <= 0xffffffff && msr_watch((u32)msr, true))
		msrs[msr_count++] = (u32)msr;
	else
		say_line("warning: option hypapp.msrwatch.msrs: an MSR that cannot be watched");
}

/* 0xMSR[+0xMSR]... */
static void add_list(const char *s, size_t len)
{
	const char *stop = s + len;
	u64 msr;

	while (s < stop && str_to_u64(s, &s, &msr)) {
		add(msr);
		s += s < stop && *s == '+';
	}
	if (s != stop)
		say_line("warning: option hypapp.msrwatch.msrs: ignored from where it is no "
			 "0xMSR[+0xMSR]...");
}

static err_t msrwatch_init(u32 cpus)
{
	size_t len;
	const char *list = hypapp_option("hypapp.msrwatch.msrs", 0, &len);

	(void)cpus;
	if (list)
		add_list(list, len);
	for (u32 i = 0; !list && i < ARRAY_SIZE(standard); i++)
		add(standard[i]);
	atomic_store(&pinned, hypapp_option_is("hypapp.msrwatch.pin", "on"));
	return OK;
}

static bool is_refused(u32 msr, u64 old, u64 value)
{
	if (msr == MSR_EFER)
		return old & ~value & (EFER_SCE | EFER_NXE);
	return old && old != value;
}

static enum exit_answer judge(struct vcpu *v, const struct exit *x, u32 msr, u64 value)
{
	u64 old = 0;
	bool refused =
		msr_read(v, msr, &old) && atomic_load(&pinned) && is_refused(msr, old, value);

	atomic_fetch_add(&writes, 1);
	trace_event(v, TRACE_MSRWATCH, msr | (refused ? BIT(32) : 0), old, value, x->rip);
	if (!refused)
		return EXIT_PASS;
	refusals_add(&refusals, v, msr, old, value);
	return inject_gp(v);
}

static enum exit_answer msrwatch_on_exit(struct vcpu *v, const struct exit *x)
{
	u64 value = (u32)v->gpr[GPR_RAX] | v->gpr[GPR_RDX] << 32;

	for (u32 i = 0; x->kind == EXIT_WRMSR && i < msr_count; i++)
		if (msrs[i] == (u32)v->gpr[GPR_RCX])
			return judge(v, x, msrs[i], value);
	return EXIT_PASS;
}

static enum exit_answer msrwatch_hypercall(struct vcpu *v, u32 number)
{
	if (number != HC_MSRWATCH)
		return EXIT_PASS;
	if ((u32)v->gpr[GPR_RCX])
		atomic_store(&pinned, 1);
	v->gpr[GPR_RAX] = 0;
	v->gpr[GPR_RBX] = atomic_load(&writes);
	v->gpr[GPR_RCX] = atomic_load(&refusals.count);
	return EXIT_ADVANCE;
}

static void msrwatch_report(emit_fn emit)
{
	char line[80];

	fmt(line, sizeof(line), "msrwatch: %u writes, %u of them refused", atomic_load(&writes),
	    atomic_load(&refusals.count));
	emit(line);
	refusals_report(&refusals, "msrwatch", "MSR ", emit);
}

const struct hypapp msrwatch_hypapp = {
	.name = "msrwatch",
	.hypercalls = HC_NS(9),
	.init = msrwatch_init,
	.on_exit = msrwatch_on_exit,
	.hypercall = msrwatch_hypercall,
	.report = msrwatch_report,
};
