/* SPDX-License-Identifier: MIT */
#include "hypapp/service/timer.h"

#include "hv/backend.h"
#include "hv/hypapp.h"
#include "lib/string.h"
#include "x86/insn.h"

static u64 due[MAX_CPUS]; /* TSC ticks; 0: none is set. Each CPU's own */

/* Without a timer of the CPU's the guest's interrupts must do. One that has made an exit is let in
 * before the next makes one. */
static void arm(struct vcpu *v, u64 ticks, bool interrupts)
{
	if (!backend->timer(v, ticks))
		backend->trap_events(v, 0, ticks && interrupts);
}

void timer_set(struct vcpu *v, u64 at)
{
	u64 now = rdtsc();

	if (due[v->index] && due[v->index] <= at)
		return;
	due[v->index] = at;
	hypapp_want(~0u);
	arm(v, at > now ? at - now : 1, true);
}

void timer_forget(void)
{
	memset(due, 0, sizeof(due));
}

bool timer_is_due(struct vcpu *v, const struct exit *x)
{
	u64 now = rdtsc(), at = due[v->index];

	if (!at)
		return false;
	if (now < at) {
		arm(v, at - now, x->kind != EXIT_INTR);
		return false;
	}
	due[v->index] = 0;
	arm(v, 0, false);
	return true;
}
