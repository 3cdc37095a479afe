/* SPDX-License-Identifier: MIT */
/*
 * Getting rid of an INIT that a platform keeps pending behind its VM exit, so that every further
 * entry exits again: the CPU leaves VMX operation, where the INIT resets it; another CPU sends it a
 * real SIPI to Lamina's own start-up code; it comes back by ap_main and goes on as the guest
 * wanted.
 */
#ifndef CORE_REVIVE_H
#define CORE_REVIVE_H

#include "hv/pcpu.h"

/* On the CPU that has the INIT pending. It comes back in virtualize_ap. */
_Noreturn void revive_self(struct vcpu *v);

/* On a CPU that was asked to help: send the SIPIs, return when the others are up. */
void revive_others(void);

#endif
