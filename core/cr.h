/* SPDX-License-Identifier: MIT */
/* The guest's CR0 and CR4: which bits Lamina owns, and what the model says of a CPU. */
#ifndef CORE_CR_H
#define CORE_CR_H

#include "crmodel/crm.h"
#include "hv/exit.h"
#include "hv/vcpu.h"

/* The CR4 bits that CPUID tells of on this CPU. */
u64 cr4_supported(void);

/* Which CR4 bits exist for the guest; once, before any CPU is virtualized. */
void cr_init(void);

/* Start the guest CPU with these values of CR0 and CR4, as it is to read them. On its CPU. */
void cr_reset(struct vcpu *v, u64 cr0, u64 cr4);

/* The guest CPU as the model wants it. On its CPU. */
struct crm_cpu cr_model(struct vcpu *v);

/* Load the four PDPTEs as a MOV to CR3 with this value does; false: it would raise #GP. On the
 * guest's CPU. */
bool cr_load_pdptes(struct vcpu *v, u64 cr3);

/* From now on own these bits besides the minimum; the guest sees no change. On the guest's CPU. */
void cr_own(struct vcpu *v, enum crm_name name, u64 mask);

/* CR exits that the model does not expect, on all CPUs since the start. */
u64 cr_unexpected(void);

/* From now on the exits are the guest's, not the probe's: log as option log= wants, and count
 * those that the model does not expect. CPU 0, once. */
void cr_log_start(void);

/* Log lines for CR exits, at once: option log=cr, HC_LOG. Any CPU. */
void cr_log_all(bool on);

/* What the log says of an exit: the registers before it, the access, its result. */
void cr_log(struct vcpu *v, const struct exit *x, const struct crm_cpu *before,
	    const struct crm_insn *i, const struct crm_result *r);

#endif
