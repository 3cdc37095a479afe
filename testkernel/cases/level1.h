/* SPDX-License-Identifier: MIT */
/* Parts of the group level1. Each is called on CPU 0 with every CPU a hypervisor (l1->enable()). */
#ifndef TESTKERNEL_CASES_LEVEL1_H
#define TESTKERNEL_CASES_LEVEL1_H

#include "testkernel/l1/l1_case.h"

/* Runs a case on this CPU; a difference is a failed check, and printed as one that can be run
 * again. False: the case is left out, or ends as a quirk of the platform has it. */
bool level1_check(const struct l1_case *c, struct l1_result *r);

/* Ends a case whose checks are accesses: if all of them were left out, with no more than a note. */
void level1_tap(const char *text);

/* Runs part 0 to part n - 1 on each CPU: none takes so long that the CPU that waits gives up. */
void level1_parts(void (*run)(u32 part), u32 n);

/* One access and its end: the exit's kind, and the value read, or found in the register after. */
struct level1_number {
	const char *text;
	struct crm_cr cr0, cr4; /* cr0.owned: with hw 0, the mode's own register */
	enum l2_mode mode;
	enum crm_op op;
	u64 num, value;
	enum l2_exit_kind end;
	u64 read, hw; /* hw of the register accessed, after */
	u64 traps;
};

/* level1_numbers.c: runs cases whose values stand in the text */
void level1_numbers(const struct level1_number *numbers, size_t n);

void level1_tables(void); /* level1_tables.c: all of a truth table */
void level1_modes(void);  /* level1_modes.c: paging modes, PCIDs, PDPTEs */
void level1_random(void); /* level1_random.c */
void level1_xp(void);	  /* level1_xp.c: the scenario's sequence of instructions */

/* What is one vendor's alone: the values of level1_*_numbers.c, and what level1_*.c has. */
void level1_vmx(void);
void level1_svm(void);
void level1_svm_insns(void);

extern const struct level1_number level1_vmx_numbers[], level1_svm_numbers[];
extern const size_t level1_vmx_number_count, level1_svm_number_count;

#endif
