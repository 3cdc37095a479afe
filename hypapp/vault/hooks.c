/* SPDX-License-Identifier: MIT */
/*
 * vault: code and data of a program that nothing else in the guest can read or change, and that is
 * entered at its entry points alone (after TrustVisor's idea). doc/vault.md.
 */
#include "hv/gmem.h"
#include "hv/hypapp.h"
#include "hypapp/vault/vault.h"
#include "lib/fmt.h"
#include "x86/seg.h"

_Atomic u32 vault_refused, vault_wiped, vault_calls;

/* The vault whose private page this is; *i: which of its pages. */
static struct vault *owner(u64 gpa, u32 *i)
{
	u64 page = align_down(gpa, PAGE_SIZE);

	for (u32 k = 0; k < VAULTS_MAX; k++)
		for (*i = 0; atomic_load(&vaults[k].used) && *i < VAULT_PAGES; ++*i)
			if (vaults[k].page[*i].gpa == page && vault_is_private(&vaults[k], *i))
				return &vaults[k];
	return NULL;
}

static bool is_entry(struct vcpu *v, const struct vault *w, u32 page, const struct exit *x)
{
	u64 offset = x->rip - w->layout.base;

	if (!(x->slat.access & SLAT_EXEC) || v->event_set || gmem_code_mode(v) != INSN_64 ||
	    SEG_AR_DPL(backend->state_get(v, REG_SEG(SEG_SS, SEG_AR))) != 3 ||
	    offset / PAGE_SIZE != page)
		return false;
	for (u32 i = 0; i < w->layout.entries; i++)
		if (w->layout.entry[i] == offset)
			return true;
	return false;
}

/* From outside. Where its program is gone, the kernel has the pages again, when they are wiped. */
static enum exit_answer touched(struct vcpu *v, struct vault *w, const struct exit *x)
{
	if (!vault_is_mapped(v, w)) {
		if (vault_hold(v, w)) {
			if (atomic_load(&w->used))
				vault_release(v, w);
			vault_drop(w);
		}
		return EXIT_RETRY;
	}
	atomic_fetch_add(&vault_refused, 1);
	trace_event(v, TRACE_VAULT, 3, x->slat.gpa.v, x->slat.access, x->rip);
	return inject_gp(v);
}

static enum exit_answer vault_on_exit(struct vcpu *v, const struct exit *x)
{
	struct vault *w;
	u32 page;

	if (vault_of(v))
		return vault_inside(v, x);
	if (x->kind != EXIT_SLAT)
		return EXIT_PASS;
	w = owner(x->slat.gpa.v, &page);
	if (!w)
		return EXIT_PASS;
	return is_entry(v, w, page, x) ? vault_enter(v, w) : touched(v, w, x);
}

static u32 unregister(struct vcpu *v, struct vault *w)
{
	u32 answer = 0;

	if (!vault_hold(v, w))
		return HC_EBUSY;
	if (atomic_load(&w->used))
		vault_release(v, w);
	else
		answer = HC_ERANGE;
	vault_drop(w);
	return answer;
}

static u32 state(struct vcpu *v, const struct vault *w)
{
	v->gpr[GPR_RBX] = atomic_load(&w->used);
	v->gpr[GPR_RCX] = atomic_load(&vault_refused);
	v->gpr[GPR_RDX] = atomic_load(&vault_wiped);
	return 0;
}

static enum exit_answer vault_hypercall(struct vcpu *v, u32 number)
{
	u32 which = (u32)v->gpr[GPR_RBX], answer = HC_ERANGE;

	if (number < HC_VAULT_REGISTER || number > HC_VAULT_STATE)
		return EXIT_PASS;
	if (number == HC_VAULT_REGISTER) {
		answer = vault_register(v, which | v->gpr[GPR_RDX] << 32, &which);
		v->gpr[GPR_RBX] = which;
	} else if (which < VAULTS_MAX) {
		answer = number == HC_VAULT_STATE ? state(v, &vaults[which])
						  : unregister(v, &vaults[which]);
	}
	v->gpr[GPR_RAX] = answer;
	return EXIT_ADVANCE;
}

/* A CPU that was in a vault when it got its INIT does not come back there. */
static void vault_on_start(struct vcpu *v)
{
	for (u32 i = 0; i < VAULTS_MAX; i++)
		if (vaults[i].suspended && vaults[i].last_cpu == v->index)
			unregister(v, &vaults[i]);
}

static void vault_wipe(void)
{
	for (u32 i = 0; i < VAULTS_MAX; i++)
		vault_zero(&vaults[i]);
}

static void vault_report(emit_fn emit)
{
	char line[80];

	fmt(line, sizeof(line), "vault: %u calls, %u accesses refused, %u vaults wiped",
	    atomic_load(&vault_calls), atomic_load(&vault_refused), atomic_load(&vault_wiped));
	emit(line);
}

static err_t vault_init(u32 cpus)
{
	(void)cpus;
	hypapp_want(BIT(EXIT_SLAT));
	return OK;
}

const struct hypapp vault_hypapp = {
	.name = "vault",
	.hypercalls = HC_NS(4),
	.init = vault_init,
	.on_exit = vault_on_exit,
	.hypercall = vault_hypercall,
	.on_start = vault_on_start,
	.report = vault_report,
	.wipe = vault_wipe,
};
