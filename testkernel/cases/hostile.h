/* SPDX-License-Identifier: MIT */
/* The parts of the group `hostile`. */
#ifndef TESTKERNEL_CASES_HOSTILE_H
#define TESTKERNEL_CASES_HOSTILE_H

#include "testkernel/exec.h"

/* exec_acd(), counted. */
u32 hostile_exec(u32 cpl, const struct snippet *s, u64 rax, u64 rcx, u64 rdx);

void hostile_msrs(void);
void hostile_memory(void);

/* Lamina's memory, bytes; bare a page of the kernel's own in its place. A page before it is there.
 */
struct target {
	u64 base, size;
	bool lamina;
};

struct target hostile_target(void);

#endif
