/* SPDX-License-Identifier: MIT */
/*
 * crwatch: every change of chosen bits of CR0 and CR4, by whom, when and where, in the trace. With
 * hypapp.crwatch.pin= a bit that is set stays set: what would clear it gets #GP(0). An INIT clears
 * what it clears.
 */
#include "hv/hypapp.h"
#include "hv/hypercall.h"
#include "hv/watch.h"
#include "hypapp/refusals.h"
#include "lib/fmt.h"
#include "x86/cr.h"

static u64 watched[CRM_CRS];
static _Atomic u32 pinned, changes;
static struct refusals refusals;

static err_t crwatch_init(u32 cpus)
{
	(void)cpus;
	watched[CRM_CR0] = CR0_WP;
	watched[CRM_CR4] = CR4_SMEP | CR4_SMAP | CR4_UMIP;
	hypapp_option_bits("hypapp.crwatch.cr0", CRM_CR0, &watched[CRM_CR0]);
	hypapp_option_bits("hypapp.crwatch.cr4", CRM_CR4, &watched[CRM_CR4]);
	for (enum crm_name cr = CRM_CR0; cr < CRM_CRS; cr++)
		cr_watch(NULL, cr, watched[cr], true);
	atomic_store(&pinned, hypapp_option_is("hypapp.crwatch.pin", "on"));
	return OK;
}

static bool crwatch_on_cr(struct vcpu *v, const struct cr_change *c)
{
	u64 changed = (c->old ^ c->new) & watched[c->cr];
	bool refused = atomic_load(&pinned) && (changed & c->old);
	u32 number = c->cr == CRM_CR4 ? 4 : 0;

	if (!changed)
		return true;
	atomic_fetch_add(&changes, 1);
	trace_event(v, TRACE_CRWATCH, number | (refused ? BIT(8) : 0), c->old, c->new,
		    backend->state_get(v, REG_RIP));
	if (refused)
		refusals_add(&refusals, v, number, c->old, c->new);
	return !refused;
}

static enum exit_answer crwatch_hypercall(struct vcpu *v, u32 number)
{
	if (number != HC_CRWATCH)
		return EXIT_PASS;
	if ((u32)v->gpr[GPR_RCX])
		atomic_store(&pinned, 1);
	v->gpr[GPR_RAX] = 0;
	v->gpr[GPR_RBX] = atomic_load(&changes);
	v->gpr[GPR_RCX] = atomic_load(&refusals.count);
	return EXIT_ADVANCE;
}

static void crwatch_report(emit_fn emit)
{
	char line[80];

	fmt(line, sizeof(line), "crwatch: %u changes, %u of them refused", atomic_load(&changes),
	    atomic_load(&refusals.count));
	emit(line);
	refusals_report(&refusals, "crwatch", "CR", emit);
}

const struct hypapp crwatch_hypapp = {
	.name = "crwatch",
	.hypercalls = HC_NS(2),
	.init = crwatch_init,
	.on_cr = crwatch_on_cr,
	.hypercall = crwatch_hypercall,
	.report = crwatch_report,
};
