/* SPDX-License-Identifier: MIT */
/*
 * The vendor boundary: what VT-x and AMD-V each must offer. vmx/ and svm/ fill one of these; only
 * core/backend.c knows both. A new operation needs an ADR.
 *
 * Unless said otherwise an operation runs on the CPU it concerns, in root mode, with interrupts
 * off.
 */
#ifndef HV_BACKEND_H
#define HV_BACKEND_H

#include "crmodel/crm.h"
#include "hv/cpu_state.h"
#include "hv/err.h"
#include "hv/exit.h"
#include "hv/slat.h"
#include "hv/types.h"
#include "hv/vcpu.h"

enum event_type { EVENT_NONE, EVENT_NMI, EVENT_EXCEPTION };

struct event {
	enum event_type type;
	u8 vector;
	bool has_error;
	u32 error; /* error code of the exception */
};

/* One line of a dump or report at a time, without the newline. */
typedef void (*emit_fn)(const char *line);

struct backend {
	const char *name;
	enum crm_vendor vendor;

	/* Can this CPU run us? The reason why not, in one line. Changes nothing. */
	err_t (*probe)(void);
	/* Enter (leave) VMX or SVM operation on this CPU. */
	err_t (*enable)(struct vcpu *v);
	void (*disable)(struct vcpu *v);
	/* Build the control structure; the guest state is then set by state_set. */
	err_t (*vcpu_init)(struct vcpu *v);

	/* Run the guest for ever: enter it, call exit_dispatch with its next exit, enter it again.
	 * An NMI that arrives in root mode before the entry counts as EXIT_NMI too. The loop is in
	 * *_entry.S: a C loop would save and restore six more registers on every exit. */
	void (*run)(struct vcpu *v);
	/* Finish the exit's instruction: RIP behind it, interrupt shadow gone, a TF trap pending.
	 */
	void (*advance)(struct vcpu *v, const struct exit *x);

	u64 (*state_get)(struct vcpu *v, enum cpu_reg r);
	void (*state_set)(struct vcpu *v, enum cpu_reg r, u64 value);

	/* What the hardware demands of the real CR in guest mode. */
	struct crm_limits (*cr_limits)(enum crm_name cr);

	/* Queue an event for the guest. An exception goes in at the next entry, an NMI as soon as
	 * the guest can take one. EVENT_NONE: forget what is queued. */
	void (*inject)(struct vcpu *v, struct event e);

	/* Any CPU; takes effect on all CPUs at their next access. */
	void (*trap_msr)(u32 msr, bool read, bool write);
	void (*trap_port)(u16 port, bool on);

	const struct slat_format *slat;
	/* Use these second-level tables. */
	void (*slat_root)(struct vcpu *v, hpa_t root);
	/* Forget the translations of this guest on this CPU: guest-linear only, or second-level
	 * too. */
	void (*tlb_flush)(struct vcpu *v, bool second_level);

	/* Print all there is to know, with every entry check evaluated. */
	void (*dump)(struct vcpu *v, emit_fn emit);
};

#endif
