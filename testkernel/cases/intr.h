/* SPDX-License-Identifier: MIT */
/* Interrupt cases that run in xAPIC and, later, in x2APIC mode. */
#ifndef TESTKERNEL_CASES_INTR_H
#define TESTKERNEL_CASES_INTR_H

void intr_cases(void);
void nmi_cases(void);

#endif
