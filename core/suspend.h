/* SPDX-License-Identifier: MIT */
/*
 * Suspend to RAM, ACPI's S3. The memory stays, the CPUs lose all. The firmware wakes CPU 0 at a
 * vector that the system has left in the FACS; Lamina puts its own there, takes the CPUs again as
 * it did at the start, and has the guest wake at the guest's.
 */
#ifndef CORE_SUSPEND_H
#define CORE_SUSPEND_H

#include "hv/pcpu.h"

/*
 * The guest is about to set SLP_EN with this SLP_TYP, on the CPU that has this exit. True: it is
 * S3, and all is ready for it, the other CPUs stand still; the output must follow, and
 * suspend_wait. False: it is not S3, or not one that Lamina comes back from.
 */
bool suspend_prepare(struct vcpu *v, u8 type);

/* Behind that output: waits for the sleep. Returns where none comes, as natively the guest would go
 * on; all is as before then. */
void suspend_wait(struct vcpu *v);

/* CPU 0, woken, on its own stack. */
_Noreturn void suspend_wake(struct pcpu *p);

#endif
