/* SPDX-License-Identifier: MIT */
#ifndef CORE_CR_H
#define CORE_CR_H

#include "hv/vcpu.h"

/* Start the guest CPU with these values of CR0 and CR4, as it is to read them. */
void cr_reset(struct vcpu *v, u64 cr0, u64 cr4);

#endif
