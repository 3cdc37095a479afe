/* SPDX-License-Identifier: MIT */
/*
 * The checks a VM entry makes, evaluated in software (Intel SDM vol. 3C, 27.2 and 27.3) as far as
 * they concern what Lamina uses, so that a failed entry names its cause.
 */
#ifndef VMX_CHECK_H
#define VMX_CHECK_H

#include "core/check.h"
#include "vmx/vmx.h"

/* All of them, on the current VMCS; returns how many do not hold. */
u32 vmx_check_all(emit_fn emit);

/* Its parts */
void vmx_check_controls(struct check *c);
void vmx_check_host(struct check *c);
void vmx_check_guest(struct check *c);
void vmx_check_segments(struct check *c);

/* --- for the parts --- */

/* A field of the VMCS; 0 if there is none. */
u64 vmx_field(u32 encoding);

/* A control register against the fixed bits; names each offending bit. `exempt`: bits left out. */
void vmx_check_fixed(struct check *c, const char *name, bool is_cr0, u64 value, u64 exempt);

bool vmx_check_canonical(u64 address);

#endif
