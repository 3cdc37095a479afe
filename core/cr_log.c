/* SPDX-License-Identifier: MIT */
/*
 * One line per CR exit where log=cr asks for it, and always for one that the model did not expect.
 * These lines are written at once, while the guest CPU waits: a serial line needs milliseconds for
 * each.
 */
#include "core/cr.h"

#include "core/core.h"
#include "core/serial.h"
#include "lib/fmt.h"
#include "lib/spinlock.h"
#include "x86/seg.h"

/* Unexpected exits that get a line; the others are only counted, or a loop would fill the log. */
#define UNEXPECTED_LINES 32

static _Atomic u64 unexpected;
static _Atomic bool started, log_all;
static struct spinlock lock; /* one line after the other */

u64 cr_unexpected(void)
{
	return atomic_load(&unexpected);
}

void cr_log_start(void)
{
	cr_log_all(machine.opt.log == OPT_LOG_CR);
	atomic_store(&started, true);
}

void cr_log_all(bool on)
{
	atomic_store(&log_all, on);
}

static const char *insn_text(const struct exit *x)
{
	switch (x->cr.access) {
	case CR_LMSW: return "LMSW";
	case CR_CLTS: return "CLTS";
	case CR_MOV_FROM: return x->cr.cr == 4 ? "MOV from CR4" : "MOV from CR0";
	default: return x->cr.cr == 4 ? "MOV CR4" : x->cr.cr == 3 ? "MOV CR3" : "MOV CR0";
	}
}

static void line(struct vcpu *v, const struct exit *x, const struct crm_cr *c, u64 proposed,
		 const char *what, const char *verdict)
{
	spin_lock(&lock, v->index);
	say("%scpu %u %04x:%" FMT64 "x %s %" FMT64 "x -> %" FMT64 "x hw %" FMT64 "x owned %" FMT64
	    "x shadow %" FMT64 "x: %s",
	    what, v->index, (u32)backend->state_get(v, REG_SEG(SEG_CS, SEG_SEL)), x->rip,
	    insn_text(x), crm_read(c), proposed, c->hw, c->owned, c->shadow, verdict);
	spin_unlock(&lock);
}

void cr_log(struct vcpu *v, const struct exit *x, const struct crm_cpu *before,
	    const struct crm_insn *i, const struct crm_result *r)
{
	static const char *const verdict[] = {
		[CRM_OK] = "accepted", [CRM_EXIT] = "exit", [CRM_GP] = "#GP", [CRM_UD] = "#UD"};
	const struct crm_cr *c = &before->cr[x->cr.cr == 4 ? CRM_CR4 : CRM_CR0];
	bool expected = x->cr.cr == 3 || crm_exits(before, i);
	bool say_it = atomic_load(&log_all);
	u64 proposed = r->verdict == CRM_OK ? r->value : i->value;

	if (!atomic_load(&started))
		return;
	if (!expected && atomic_fetch_add(&unexpected, 1) < UNEXPECTED_LINES)
		say_it = true;
	if (say_it)
		line(v, x, c, proposed, expected ? "" : "unexpected exit, ", verdict[r->verdict]);
}
