/* SPDX-License-Identifier: MIT */
/* A guest CPU on AMD-V for the tests of svm/: its VMCB is an array. */
#ifndef TEST_SVM_WORLD_H
#define TEST_SVM_WORLD_H

#include "unit.h"
#include "svm/svm.h"
#include "x86/insn.h"

static struct pcpu pcpu;
static struct vcpu *const v = &pcpu.vcpu;
static struct svm_vcpu svm __attribute__((aligned(16)));
static u8 *const vmcb = svm.vmcb;

static inline void world_restart(void)
{
	memset(&pcpu, 0, sizeof(pcpu));
	memset(&svm, 0, sizeof(svm));
	v->arch = &svm;
	fake_cpu->gs = &pcpu;
}

#endif
