/* SPDX-License-Identifier: MIT */
/* The parts of the group `cr`. */
#ifndef TESTKERNEL_CASES_CR_H
#define TESTKERNEL_CASES_CR_H

void cr_operands(void);
void cr_effects(void);
void cr_paging(void);

#endif
