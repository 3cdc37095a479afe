/* SPDX-License-Identifier: MIT */
/*
 * The registers as gdb counts them: target.xml says their names and sizes, in this order. RIP is a
 * linear address, as are breakpoints and memory: in real mode, too, `x/i $rip` shows the right
 * place.
 */
#ifndef GDB_REGS_H
#define GDB_REGS_H

#include "hv/types.h"
#include "hv/vcpu.h"

#define REGS_COUNT 53u

/* What gdb reads as target.xml. */
extern const char regs_xml[];

/* Bytes of this register; 0: there is none. */
u32 regs_size(u32 reg);

/* On the CPU whose guest it is, in an exit. False: not known (the FPU's) or, for set, not to be
 * changed. */
bool regs_get(struct vcpu *v, u32 reg, u64 *value);
bool regs_set(struct vcpu *v, u32 reg, u64 value);

#endif
