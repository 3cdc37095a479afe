/* SPDX-License-Identifier: MIT */
/* Taking the CPUs into guest mode. */
#ifndef CORE_VIRTUALIZE_H
#define CORE_VIRTUALIZE_H

#include "hv/err.h"
#include "hv/pcpu.h"

/* VMX or SVM operation and the control structure, on CPU 0. */
err_t virtualize_prepare(struct pcpu *p);

/* CPU 0, its guest state set: never returns. */
_Noreturn void virtualize_run(struct pcpu *p);

/* An AP, on its own stack: into VMX or SVM operation, then wait for the guest's SIPI. */
_Noreturn void virtualize_ap(struct pcpu *p);

/* The first AP that failed says why; OK: none. */
err_t virtualize_ap_error(void);

#endif
