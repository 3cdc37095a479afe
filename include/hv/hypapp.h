/* SPDX-License-Identifier: MIT */
/*
 * A hypapp watches or steers the guest: one object, registered in hypapp/list.c, the same on VT-x
 * and AMD-V. Its hooks run on the CPU that had the exit, in root mode with interrupts off; they
 * must not block, print, or assert on what the guest did.
 */
#ifndef HV_HYPAPP_H
#define HV_HYPAPP_H

#include "hv/backend.h"
#include "hv/err.h"
#include "hv/exit.h"
#include "hv/trace.h"
#include "hv/vcpu.h"

struct hypapp {
	const char *name;
	/* Once, on CPU 0, before the guest runs. May be NULL, as every hook may. */
	err_t (*init)(u32 cpus);
	/* Every exit, before Lamina's own handler. */
	enum exit_answer (*on_exit)(struct vcpu *v, const struct exit *x);
	/* A hypercall at CPL 0 whose number Lamina itself does not know; EXIT_PASS: not mine
	 * either. */
	enum exit_answer (*hypercall)(struct vcpu *v, u32 number);
	/* Guest power-off: the last chance to say something. */
	void (*report)(emit_fn emit);
};

/* Put an event into the trace of v's CPU: hypapp is an enum trace_hypapp, the rest is its own. */
void trace_event(struct vcpu *v, u8 hypapp, u64 event, u64 a, u64 b, u64 c);

/* NULL-terminated, in the order in which they are asked. */
extern const struct hypapp *const hypapp_list[];

#endif
