/* SPDX-License-Identifier: MIT */
/* INIT and SIPI: the cases that run in xAPIC and, later, in x2APIC mode, and the rest. */
#ifndef TESTKERNEL_CASES_SIPI_H
#define TESTKERNEL_CASES_SIPI_H

void sipi_cases(void);
void sipi_states(void);

#endif
