/* SPDX-License-Identifier: MIT */
/* The small hypervisor's VT-x side, for the cases that are about VT-x itself. */
#ifndef TESTKERNEL_L1_VMX_H
#define TESTKERNEL_L1_VMX_H

#include "testkernel/l1/l1.h"

/* l1->run() in two halves: fields may be changed between them. */
void vmx_load(const struct l2 *g);
void vmx_run(struct l2 *g, struct l2_exit *x);

/* The VMXON region of the calling CPU, bytes. */
u64 vmx_region(void);

#endif
