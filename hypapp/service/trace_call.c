/* SPDX-License-Identifier: MIT */
/* The hypapp trace: the guest reads the trace, and at power-off it is written where trace_out asks.
 */
#include "core/trace.h"
#include "hv/gmem.h"
#include "hv/hypapp.h"
#include "hv/hypercall.h"

/* The header is never put together on the stack: who looks for one in memory would find it there.
 */
static enum exit_answer copy_trace(struct vcpu *v)
{
	u64 to = gmem_code_mode(v) == INSN_64 ? v->gpr[GPR_RDX] : (u32)v->gpr[GPR_RDX];
	bool ok = (u32)v->gpr[GPR_RBX] < cpu_count;
	const struct trace_ring *t = pcpus[ok ? v->gpr[GPR_RBX] & 0xff : 0]->trace;
	u64 next = t->head.next, at = next - (u32)((u32)next - (u32)v->gpr[GPR_RCX]);
	u32 most = (u32)v->gpr[GPR_RSI] < TRACE_COPY_MAX ? (u32)v->gpr[GPR_RSI] : TRACE_COPY_MAX;
	struct trace_record r;
	u32 n = 0;

	if (at > next || at < trace_oldest(t, next))
		at = trace_oldest(t, next);
	ok = ok && t->head.magic && gmem_write(v, to, &t->head, sizeof(r)) == sizeof(r);
	for (; ok && at < next && n < most; at += sizeof(r))
		if (trace_copy(t, at, &r))
			ok = gmem_write(v, to + ++n * sizeof(r), &r, sizeof(r)) == sizeof(r);
	if (ok)
		gmem_write(v, to + offsetof(struct trace_header, count), &n, sizeof(n));
	v->gpr[GPR_RAX] = ok ? 0 : HC_ERANGE;
	v->gpr[GPR_RBX] = n;
	v->gpr[GPR_RCX] = (u32)at;
	return EXIT_ADVANCE;
}

static enum exit_answer trace_hypercall(struct vcpu *v, u32 number)
{
	return number == HC_TRACE ? copy_trace(v) : EXIT_PASS;
}

const struct hypapp trace_hypapp = {
	.name = "trace",
	.always = true,
	.hypercalls = HC_NS(0),
	.hypercall = trace_hypercall,
	.report = trace_out,
};
