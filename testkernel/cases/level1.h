/* SPDX-License-Identifier: MIT */
/* Parts of the group level1. Each is called on CPU 0 with every CPU a hypervisor (l1_enable()). */
#ifndef TESTKERNEL_CASES_LEVEL1_H
#define TESTKERNEL_CASES_LEVEL1_H

#include "testkernel/l1/l1_case.h"

/* Runs a case on this CPU; a difference is a failed check, and printed as one that can be run
 * again. */
void level1_check(const struct l1_case *c, struct l1_result *r);

void level1_numbers(void); /* level1_numbers.c: cases whose values stand in the text */
void level1_tables(void);  /* level1_tables.c: all of a truth table */
void level1_modes(void);   /* level1_modes.c: paging modes, PCIDs, PDPTEs */
void level1_random(void);  /* level1_random.c */
void level1_xp(void);	   /* level1_xp.c: the scenario's sequence of instructions */
void level1_vmx(void);	   /* level1_vmx.c: what is VT-x's alone */

#endif
