/* SPDX-License-Identifier: MIT */
/*
 * What hypapps have exit. Several may watch the same bit, MSR or port: watches are counted, and the
 * last one that goes ends it. The guest sees no change. In init, or on a CPU that is in an exit;
 * they hold for all CPUs when the call returns, which may wait for the others (hv/world.h).
 */
#ifndef HV_WATCH_H
#define HV_WATCH_H

#include "crmodel/crm.h"
#include "hv/types.h"
#include "hv/vcpu.h"

/* In init there is no CPU in an exit: v is NULL. */

/* Changes of these bits of CR0 or CR4 come to on_cr. */
void cr_watch(struct vcpu *v, enum crm_name cr, u64 bits, bool on);

/* EXIT_RDMSR and EXIT_WRMSR of this MSR come to on_exit; where it
 * answers EXIT_PASS the access is done as natively. False: an MSR that always or never exits (those
 * outside the bitmap's ranges, FS and GS base, PAT, DEBUGCTL, the x2APIC's ICR), or too many (64).
 */
bool msr_watch(u32 msr, bool on);

/* The guest's value of an MSR, on its CPU. False: there is no such MSR. */
bool msr_read(struct vcpu *v, u32 msr, u64 *value);

/* EXIT_PORT of this I/O port likewise. Of string I/O only the first is seen: it ends the watch
 * of all the ports it touches, or is #GP where it may not (reset_guard, and behind FFFFh).
 * False: too many (64). */
bool port_watch(u16 port, bool on);

#endif
