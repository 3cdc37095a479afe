/* SPDX-License-Identifier: MIT */
/* The parts of the group `mem`. */
#ifndef TESTKERNEL_CASES_MEM_H
#define TESTKERNEL_CASES_MEM_H

void mem_mtrr(void);

#endif
