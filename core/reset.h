/* SPDX-License-Identifier: MIT */
/* The guest CPU's state after INIT and SIPI (Intel SDM vol. 3A, 10.1.1, table 10-1; 9.4.3). */
#ifndef CORE_RESET_H
#define CORE_RESET_H

#include "hv/vcpu.h"

/* INIT: every register as the manual says, CS:RIP at the reset vector. */
void reset_init(struct vcpu *v);

/* SIPI behind an INIT: go on at vector << 12. */
void reset_sipi(struct vcpu *v, u8 vector);

/* As INIT, but in real mode with caches on, as a firmware leaves the CPU: go on at cs:ip. */
void reset_real_mode(struct vcpu *v, u16 cs, u16 ip);

/* Reset the whole machine as its chipset would, with a line that says why. Any CPU. */
_Noreturn void machine_reset(const char *why);

/* A segment register and its hidden part; access rights as in the VMCS. */
void set_segment(struct vcpu *v, enum cpu_seg s, u16 sel, u64 base, u32 limit, u32 ar);

/* 32-bit segments of 4 GiB, with these selectors. */
void set_flat_segments(struct vcpu *v, u16 code, u16 data);

/* Sleep until v->nmi_root is not 0 (wait.S). */
void wait_nmi(struct vcpu *v);

#endif
