/* SPDX-License-Identifier: MIT */
/* The guest's start: a Linux kernel, or the firmware's boot of a drive; virtual or bare. */
#ifndef BOOT_BOOT_GUEST_H
#define BOOT_BOOT_GUEST_H

#include "hv/err.h"
#include "hv/vcpu.h"

/* Judge the modules and take the page below 1 MiB. A guest that cannot be started is replaced by
 * the machine's own boot, with a line that says so. */
err_t boot_guest_prepare(void);

/* Put the guest's first state into CPU 0; the next entry starts it. */
void boot_guest_virtual(struct vcpu *v);

/* Start it on the bare machine. */
_Noreturn void boot_guest_bare(void);

#endif
