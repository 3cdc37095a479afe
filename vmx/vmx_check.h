/* SPDX-License-Identifier: MIT */
/*
 * The checks a VM entry makes, evaluated in software (Intel SDM vol. 3C, 27.2 and 27.3) as far as
 * they concern what Lamina uses, so that a failed entry names its cause. Pure: works on any source
 * of VMCS fields, on the host too.
 */
#ifndef VMX_CHECK_H
#define VMX_CHECK_H

#include "hv/types.h"
#include "vmx/vmx.h"

struct vmx_check {
	u64 (*field)(const struct vmx_check *c, u32 encoding);
	const struct vmx_caps *caps;
	emit_fn emit;	 /* one line per check that does not hold */
	u32 violations;	 /* counted here */
	const void *ctx; /* the caller's */
};

/* All of them; returns how many do not hold. */
u32 vmx_check_all(struct vmx_check *c);

/* Its parts */
void vmx_check_controls(struct vmx_check *c);
void vmx_check_host(struct vmx_check *c);
void vmx_check_guest(struct vmx_check *c);
void vmx_check_segments(struct vmx_check *c);

/* --- for the parts --- */

/* Emits "CHECK FAILED: <text>" and counts, unless ok. */
void vmx_check_that(struct vmx_check *c, bool ok, const char *f, ...)
	__attribute__((format(printf, 3, 4)));

/* A control register against the fixed bits; names each offending bit. `exempt`: bits left out. */
void vmx_check_fixed(struct vmx_check *c, const char *name, bool is_cr0, u64 value, u64 exempt);

bool vmx_check_canonical(u64 address);
bool vmx_check_pat(u64 pat);

static inline u64 vmx_field(const struct vmx_check *c, u32 encoding)
{
	return c->field(c, encoding);
}

#endif
