/* SPDX-License-Identifier: MIT */
/* VMCALL and VMMCALL. What is no call of ours, or not from CPL 0, is the #UD of the bare machine.
 */
#include "core/core.h"
#include "core/exit_handlers.h"
#include "core/trace.h"
#include "core/version.h"
#include "hv/hypapp.h"
#include "hv/hypercall.h"

static enum exit_answer hc_probe(struct vcpu *v)
{
	v->gpr[GPR_RAX] = HC_PROBE_ANSWER;
	v->gpr[GPR_RBX] = LAMINA_VERSION;
	v->gpr[GPR_RCX] = v->index;
	v->gpr[GPR_RDX] = cpu_count;
	return EXIT_ADVANCE;
}

enum exit_answer exit_hypercall(struct vcpu *v, const struct exit *x)
{
	u32 number = (u32)v->gpr[GPR_RAX];
	enum exit_answer a;

	(void)x;
	trace_values(v, TRACE_WHAT(TRACE_EXIT, EXIT_HYPERCALL, 1), (const u64[]){number});
	if (guest_cpl(v) != 0)
		return inject_ud(v);
	if (number == HC_PROBE)
		return hc_probe(v);
	a = hypapps_on_hypercall(v, number);
	return a == EXIT_PASS ? inject_ud(v) : a;
}
