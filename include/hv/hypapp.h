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

/* NAME_on_exit of each hypapp: every exit, before Lamina's own handler. */
typedef enum exit_answer hypapp_exit_fn(struct vcpu *v, const struct exit *x);

struct hypapp {
	const char *name;
	/* Once, on CPU 0, before the guest runs. May be NULL, as every hook may. */
	err_t (*init)(u32 cpus);
	/* A hypercall at CPL 0 whose number Lamina itself does not know; EXIT_PASS: not mine
	 * either. */
	enum exit_answer (*hypercall)(struct vcpu *v, u32 number);
	/* Behind an exit, its instruction done: once, where a hook of this exit has set
	 * v->entry_hook. It may change the guest's registers and set entry_hook again for the next.
	 */
	void (*on_entry)(struct vcpu *v);
	/* The CPU is about to run its first instruction: CPU 0 that of the guest, others after a
	 * SIPI. */
	void (*on_start)(struct vcpu *v);
	/* Guest power-off: the last chance to say something. */
	void (*report)(emit_fn emit);
};

/* Put an event into the trace of v's CPU: hypapp is an enum trace_hypapp, the rest is its own. */
void trace_event(struct vcpu *v, u8 hypapp, u64 event, u64 a, u64 b, u64 c);

/*
 * An option of the hypapp's own, HYPAPP_OPTION in core/options.def: the n-th (from 0) word
 * name=value of the command line. NULL: there is none. Else the value, which ends at *len bytes.
 * Any CPU.
 */
const char *hypapp_option(const char *name, u32 n, size_t *len);

/* Core's side: on_entry (behind the exit, which was answered so) and on_start of all hypapps.
 * False: the instruction has been advanced over. */
bool hypapp_entry(struct vcpu *v, const struct exit *x, enum exit_answer a);
void hypapp_started(struct vcpu *v);

/* NULL-terminated, in the order in which they are asked. */
extern const struct hypapp *const hypapp_list[];

/* Asks each NAME_on_exit, in that order, until one answers. On the CPU that exited. */
enum exit_answer hypapps_on_exit(struct vcpu *v, const struct exit *x);

#endif
