/* SPDX-License-Identifier: MIT */
/*
 * Every exit comes here. Hypapps are asked first, in the order of hypapp/list.c; then the table
 * below. RIP moves behind this, but for stores to the local APIC, which exit_slat.c carries out
 * whole.
 */
#include "core/core.h"
#include "core/exit_handlers.h"
#include "core/probe.h"
#include "core/trace.h"
#include "hv/hypapp.h"
#include "x86/cr.h"
#include "x86/seg.h"
#include "x86/vector.h"

enum exit_answer inject_fault(struct vcpu *v, u32 vector, u32 error)
{
	backend->inject(
		v, (struct event){
			   .type = EVENT_EXCEPTION,
			   .vector = (u8)vector,
			   .has_error = vector < VECTOR_COUNT && (VECTOR_ERROR_CODES >> vector & 1),
			   .error = error,
		   });
	return EXIT_INJECTED;
}

enum exit_answer inject_gp(struct vcpu *v)
{
	return inject_fault(v, VECTOR_GP, 0);
}

enum exit_answer inject_ud(struct vcpu *v)
{
	return inject_fault(v, VECTOR_UD, 0);
}

u32 guest_cpl(struct vcpu *v)
{
	return SEG_AR_DPL(backend->state_get(v, REG_SEG(SEG_SS, SEG_AR)));
}

/* VMX and SVM instructions, GETSEC: what the CPU without them gives. */
static enum exit_answer no_such_insn(struct vcpu *v, const struct exit *x)
{
	(void)x;
	return inject_ud(v);
}

/* INVD would lose what Lamina has in the cache: write it back instead (Intel SDM vol. 2A, INVD). */
static enum exit_answer exit_invd(struct vcpu *v, const struct exit *x)
{
	(void)v;
	(void)x;
	wbinvd();
	return EXIT_ADVANCE;
}

/* Nothing is to be done but go on: the trace and the counters have it. */
static enum exit_answer carry_on(struct vcpu *v, const struct exit *x)
{
	(void)v;
	(void)x;
	return EXIT_RETRY;
}

static enum exit_answer exit_exception(struct vcpu *v, const struct exit *x)
{
	return inject_fault(v, x->exception.vector, x->exception.error);
}

static enum exit_answer (*const handler[EXIT_KINDS])(struct vcpu *, const struct exit *) = {
	[EXIT_CR] = exit_cr,
	[EXIT_CPUID] = exit_cpuid,
	[EXIT_RDMSR] = exit_rdmsr,
	[EXIT_WRMSR] = exit_wrmsr,
	[EXIT_PORT] = exit_port,
	[EXIT_SLAT] = exit_slat,
	[EXIT_EXCEPTION] = exit_exception,
	[EXIT_NMI] = exit_nmi,
	[EXIT_NMI_WINDOW] = carry_on,
	[EXIT_INTR] = carry_on,
	[EXIT_INIT] = exit_init,
	[EXIT_SIPI] = exit_sipi,
	[EXIT_XSETBV] = exit_xsetbv,
	[EXIT_INVD] = exit_invd,
	[EXIT_HYPERCALL] = exit_hypercall,
	[EXIT_VIRT_INSN] = no_such_insn,
	[EXIT_TASK_SWITCH] = exit_task_switch,
	[EXIT_SHUTDOWN] = exit_shutdown,
	[EXIT_STEP] = carry_on,
	[EXIT_TIMER] = carry_on,
	[EXIT_UNKNOWN] = no_such_insn,
};

bool exit_dispatch(struct vcpu *v, const struct exit *x)
{
	enum exit_answer a;

	if (v->probing)
		return probe_exit(v, x) == EXIT_ADVANCE;
	trace_exit(v, x);
	pcpu_of(v)->exits[x->kind]++;
	a = atomic_load_explicit(&hypapp_kinds, memory_order_relaxed) >> x->kind & 1
		    ? hypapps_on_exit(v, x)
		    : EXIT_PASS;
	if (a == EXIT_PASS)
		a = handler[x->kind](v, x);
	return v->entry_hook ? hypapp_entry(v, x, a) : a == EXIT_ADVANCE;
}
