/* SPDX-License-Identifier: MIT */
#include "hypapp/refusals.h"

#include "lib/fmt.h"

void refusals_add(struct refusals *r, struct vcpu *v, u32 what, u64 old, u64 new)
{
	u32 n = atomic_fetch_add(&r->count, 1);

	if (n < REFUSALS_MAX)
		r->first[n] = (struct refusal){.cpu = v->index,
					       .what = what,
					       .old = old,
					       .new = new,
					       .rip = backend->state_get(v, REG_RIP),
					       .cr3 = backend->state_get(v, REG_CR3)};
}

void refusals_report(struct refusals *r, const char *hypapp, const char *kind, emit_fn emit)
{
	u32 n = atomic_load(&r->count);
	char line[140];

	for (u32 i = 0; i < n && i < REFUSALS_MAX; i++) {
		const struct refusal *f = &r->first[i];

		fmt(line, sizeof(line),
		    "%s: cpu%u: %s%x %" FMT64 "x -> %" FMT64 "x refused, RIP %" FMT64
		    "x, CR3 %" FMT64 "x",
		    hypapp, f->cpu, kind, f->what, f->old, f->new, f->rip, f->cr3);
		emit(line);
	}
}
