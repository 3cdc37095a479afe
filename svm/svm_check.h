/* SPDX-License-Identifier: MIT */
/* The checks VMRUN makes, evaluated in software, so that a refused VMCB names its cause. */
#ifndef SVM_CHECK_H
#define SVM_CHECK_H

#include "core/check.h"
#include "svm/svm.h"

/* All of them, on the guest's VMCB; returns how many do not hold. */
u32 svm_check_all(struct vcpu *v, emit_fn emit);

#endif
