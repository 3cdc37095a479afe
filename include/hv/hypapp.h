/* SPDX-License-Identifier: MIT */
/*
 * A hypapp watches or steers the guest: one object, registered in hypapp/list.c, the same on VT-x
 * and AMD-V. Option hypapps= chooses which of them run. Hooks run on the CPU that had the exit, in
 * root mode with interrupts off; they must not block, print, or assert on what the guest did. Every
 * hook may be NULL. What a hypapp may ask for is here, in hv/watch.h, hv/rights.h, hv/gmem.h and
 * hv/world.h.
 */
#ifndef HV_HYPAPP_H
#define HV_HYPAPP_H

#include "crmodel/crm.h"
#include "hv/backend.h"
#include "hv/err.h"
#include "hv/exit.h"
#include "hv/trace.h"
#include "hv/vcpu.h"

/* A write, by whatever instruction, that would change what the guest reads in CR0 or CR4. */
struct cr_change {
	enum crm_name cr;
	u64 old, new; /* as the guest reads them */
};

struct hypapp {
	const char *name;
	u32 hypercalls; /* its namespace: HC_NS(n), or 0: none */
	bool always;	/* runs whatever hypapps= says: its own options choose it */
	/* Pages of memory that it takes beyond its own variables, if it is to run; early on CPU 0.
	 */
	u64 (*pages)(void);
	/* Once, on CPU 0, before the guest runs. */
	err_t (*init)(u32 cpus);
	/* Before Lamina's own handler: exits of the kinds that any hypapp has asked for with
	 * hypapp_want; the others' too, so look at the kind first. */
	enum exit_answer (*on_exit)(struct vcpu *v, const struct exit *x);
	/* A change of CR0 or CR4 that the CPU allows, before it is made: of bits in cr_watch, and
	 * of what else happens to exit. False: #GP(0) instead, and nothing changes. */
	bool (*on_cr)(struct vcpu *v, const struct cr_change *c);
	/* A call at CPL 0 in its namespace; EXIT_PASS: no such call, #UD. */
	enum exit_answer (*hypercall)(struct vcpu *v, u32 number);
	/* Behind an exit, its instruction done: once, where a hook of this exit has set
	 * v->entry_hook. It may change the guest's registers and set entry_hook again for the next.
	 */
	void (*on_entry)(struct vcpu *v);
	/* The CPU is about to run its first instruction: CPU 0 that of the guest, others after a
	 * SIPI. */
	void (*on_start)(struct vcpu *v);
	/* The time that any hypapp gave timer_set for this CPU has come, in an exit. */
	void (*on_timer)(struct vcpu *v);
	/* Guest power-off: the last chance to say something. */
	void (*report)(emit_fn emit);
	/* Power-off, a suspend, a panic, or a reset that Lamina sees (reset_guard) comes next: zero
	 * what is secret. The other CPUs stand still or have been stopped, perhaps
	 * while they wait in a hook: take no lock. The caches are written back behind it. The guest
	 * may live on, and this be called again, where the platform does not do what was asked. */
	void (*wipe)(void);
};

/*
 * To be called whenever a secret comes to be: from now on the guest's ways to reset the machine
 * exit, so that wipe is called first: ports CF9h, 64h (command FEh and its like, and output port by
 * 60h), 92h and the FADT's reset register. String I/O there, and at the power-off's, is #GP then.
 * In init, or on a CPU that is in an exit.
 */
void reset_guard(void);

/* From now on exits of these kinds, BIT(enum exit_kind), come to on_exit. Any CPU, also in init. */
void hypapp_want(u32 kinds);

/* Put an event into the trace of v's CPU: hypapp is an enum trace_hypapp, the rest is its own. */
void trace_event(struct vcpu *v, u8 hypapp, u64 event, u64 a, u64 b, u64 c);

/*
 * An option of the hypapp's own, HYPAPP_OPTION in core/options.def: the n-th (from 0) word
 * name=value of the command line. NULL: there is none. Else the value, which ends at *len bytes.
 * Any CPU.
 */
const char *hypapp_option(const char *name, u32 n, size_t *len);
/* The same for one that has words to choose from: does its last word say this one? */
bool hypapp_option_is(const char *name, const char *word);
/* The same for a number, decimal or 0x hexadecimal, and for bits of a register in the words of
 * option cr4.own. False, with nothing stored: not given, or malformed, of which a warning tells. */
bool hypapp_option_number(const char *name, u64 *out);
bool hypapp_option_bits(const char *name, enum crm_name cr, u64 *out);

/*
 * Call on_timer of all hypapps on v's CPU, once, at TSC tick `at`; an earlier one that has been set
 * stays. On that CPU, in an exit, on_start or on_timer. VT-x has a timer that makes an exit for it;
 * on AMD-V it comes with the first exit after that tick, of which there is at least one when the
 * guest next takes an interrupt. An INIT does not end it.
 */
void timer_set(struct vcpu *v, u64 at);

/* Core's side: pages of memory for those that option hypapps= names. CPU 0. */
u64 hypapps_pages(void);
/* Choose by option hypapps= and call init of each. CPU 0, once. */
err_t hypapps_init(u32 cpus);
/* on_entry (behind the exit, which was answered so) and on_start of all hypapps. False: the
 * instruction has been advanced over. */
bool hypapp_entry(struct vcpu *v, const struct exit *x, enum exit_answer a);
void hypapp_started(struct vcpu *v);
/* Asks each on_exit until one answers. */
enum exit_answer hypapps_on_exit(struct vcpu *v, const struct exit *x);
bool hypapps_on_cr(struct vcpu *v, const struct cr_change *c);
enum exit_answer hypapps_on_hypercall(struct vcpu *v, u32 number);
void hypapps_report(emit_fn emit);
/* The machine is back from a suspend, only this CPU runs: forget who has stopped the world, and the
 * timers. */
void hypapps_woken(void);
/* Call wipe of all; v is this CPU's, NULL: the others have been stopped. True: the others stand
 * still now until world_go. */
bool hypapps_wipe(struct vcpu *v);
/* The guard's view of an EXIT_PORT: does this output reset the machine? Is the port guarded now? */
bool guard_sees_reset(const struct exit *x, u32 value);
bool guard_has(const struct exit *x);
/* The ports of this EXIT_PORT exit no more. False: a guarded one is among them, all is as it was.
 */
bool ports_open(const struct exit *x);

/* BIT(enum exit_kind) of those that on_exit is to see. */
extern _Atomic u32 hypapp_kinds;

/* All there are, NULL-terminated, in the order in which they are asked; and those that run. */
extern const struct hypapp *const hypapp_list[];
extern const struct hypapp *hypapp_chosen[];

#endif
