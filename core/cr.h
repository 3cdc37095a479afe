/* SPDX-License-Identifier: MIT */
/* The guest's CR0 and CR4: which bits Lamina owns, and what the model says of a CPU. */
#ifndef CORE_CR_H
#define CORE_CR_H

#include "crmodel/crm.h"
#include "hv/exit.h"
#include "hv/vcpu.h"
#include "verdict/verdict.h"
#include "x86/cr.h"

/* Where the code of SMM exits, an SMI and RSM change these bits of the real CR0. */
#define CR0_BY_SMI (CR0_PE | CR0_PG)

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

/* Bits to own on all CPUs besides; after a change cr_again, on the guest's CPU, makes it so. */
extern u64 cr_watched[CRM_CRS];
void cr_again(struct vcpu *v, enum crm_name name);

/* CR exits that the model does not expect, on all CPUs since the start. */
u64 cr_unexpected(void);

/* Accesses that are this verdict's, and writes from which bits were dropped, on all CPUs since the
 * start; V_OK is not counted. Any CPU. */
u64 cr_verdicts(enum verdict verdict);
u64 cr_dropped(void);

/* From now on the exits are the guest's, not the probe's: judge and log them as option log= wants,
 * and count those that the model does not expect. CPU 0, once. */
void cr_judge_start(void);

/* Log lines for CR exits, at once: option log=cr, HC_LOG. Any CPU. */
void cr_log_all(bool on);

/* An exit, and whose fault it is. */
struct cr_case {
	struct access access;
	struct machine_facts facts;
	struct judgement verdict;
	u64 dropped; /* bits of the write that are not the guest's doing */
};

/* Lamina has set the register so: what is found there later is compared with it. On its CPU. */
void cr_judge_set(struct vcpu *v, enum crm_name name, const struct crm_cr *c);

/* Judge an exit: the registers before it, the access, its result. Returns the bits of the value
 * written to flip, that is c->dropped, as option quirk= wants. */
u64 cr_judge(struct vcpu *v, const struct exit *x, const struct crm_cpu *before,
	     const struct crm_insn *i, const struct crm_result *r, struct cr_case *c);

/* Judge what the guest says that it has just read. */
enum verdict cr_judge_read(struct vcpu *v, enum crm_name name, u64 read);

/* Log a judged exit, done with this result, if it is to be. */
void cr_log(struct vcpu *v, const struct exit *x, const struct cr_case *c,
	    const struct crm_result *r);

#endif
