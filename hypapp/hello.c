/* SPDX-License-Identifier: MIT */
/* hello: the smallest hypapp that does something; doc/hypapp.md builds it step by step. */
#include "hv/console.h"
#include "hv/hypapp.h"
#include "hv/hypercall.h"

static u32 calls[MAX_CPUS]; /* each CPU's own */

static err_t hello_init(u32 cpus)
{
	(void)cpus;
	say_line("hello: the guest may call");
	return OK;
}

static enum exit_answer hello_hypercall(struct vcpu *v, u32 number)
{
	if (number != HC_HELLO)
		return EXIT_PASS;
	v->gpr[GPR_RBX] = (u32)v->gpr[GPR_RBX] + calls[v->index]++;
	v->gpr[GPR_RAX] = 0;
	trace_event(v, TRACE_HELLO, 0, v->gpr[GPR_RBX], 0, 0);
	return EXIT_ADVANCE;
}

const struct hypapp hello_hypapp = {
	.name = "hello",
	.hypercalls = HC_NS(3),
	.init = hello_init,
	.hypercall = hello_hypercall,
};
