/* SPDX-License-Identifier: MIT */
/* The hypapp step's side of hypapp/gdb, which does the stepping: each on the CPU that steps,
 * between an exit and the next entry. */
#ifndef HYPAPP_STEP_H
#define HYPAPP_STEP_H

#include "hv/types.h"
#include "hv/vcpu.h"

/* The instruction at this linear address is about to be stepped. */
void step_trace_begin(struct vcpu *v, u64 linear);
/* The step is over, and the guest is at this address; `done`: the instruction is, or a turn of it
 * if it is a string instruction. */
void step_trace_end(struct vcpu *v, u64 linear, bool done, bool string);
/* Before the next entry: Lamina has perhaps carried the instruction out. */
void step_trace_entry(struct vcpu *v, u64 linear);

#endif
