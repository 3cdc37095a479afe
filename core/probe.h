/* SPDX-License-Identifier: MIT */
/*
 * The probe (option probe=): before the guest starts, all CPUs at once run a tiny guest of ours
 * under the very masks that the guest will have, and kick each other. Does the platform keep the
 * law of doc/cr-model.md? The guest that comes then starts as if there had been no probe.
 */
#ifndef CORE_PROBE_H
#define CORE_PROBE_H

#define PROBE_ROUNDS_DONE 2

#ifndef __ASSEMBLY__

#include "crmodel/crm.h"
#include "hv/exit.h"
#include "hv/vcpu.h"

/* Set memory aside. CPU 0, once, before the second-level tables are built. */
void probe_init(void);

/* Run it; returns when all CPUs are done, with CPU 0 having said what they found, or, with
 * probe=only, never. On every CPU, its backend enabled, on the stack that runs the guest; whatever
 * guest state there was is lost. */
void probe_run(struct vcpu *v);

/* In place of all that exit_dispatch does, while v->probing. */
enum exit_answer probe_exit(struct vcpu *v, const struct exit *x);

/* The bits of this register that a CPU has shown to its guest and not should have. Any CPU, after
 * probe_run. */
u64 probe_leaked(enum crm_name name);

#endif
#endif
