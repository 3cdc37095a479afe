/* SPDX-License-Identifier: MIT */
/* What the consistency checks of both vendors share: vmx/vmx_check.h, svm/svm_check.h. Pure. */
#ifndef CORE_CHECK_H
#define CORE_CHECK_H

#include "hv/backend.h"
#include "hv/types.h"

struct check {
	emit_fn emit;	/* one line per check that does not hold */
	u32 violations; /* counted here */
};

/* Emits "CHECK FAILED: <text>" and counts, unless ok. */
void check_that(struct check *c, bool ok, const char *f, ...) __attribute__((format(printf, 3, 4)));

/* Every entry of a PAT is a memory type. */
bool check_pat(u64 pat);

#endif
