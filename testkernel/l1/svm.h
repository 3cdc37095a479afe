/* SPDX-License-Identifier: MIT */
/* The small hypervisor's AMD-V side, for the cases that are about AMD-V itself. */
#ifndef TESTKERNEL_L1_SVM_H
#define TESTKERNEL_L1_SVM_H

#include "testkernel/l1/l1.h"
#include "testkernel/l1/vmcb.h"

/* l1->run() in two halves: the VMCB may be changed between them. */
void svm_load(const struct l2 *g);
void svm_run(struct l2 *g, struct l2_exit *x);

/* The VMCB of the calling CPU. */
struct vmcb *svm_vmcb(void);

#endif
