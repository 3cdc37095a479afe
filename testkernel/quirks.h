/* SPDX-License-Identifier: MIT */
/*
 * What a platform is known to do wrong (doc/cr-platforms.md), so that what is not known fails. The
 * table is quirks.c; each entry says on which platforms it holds, and which steps it takes out.
 */
#ifndef TESTKERNEL_QUIRKS_H
#define TESTKERNEL_QUIRKS_H

#include "testkernel/crprog.h"

/* Once, by one CPU, before any other function: finds the platform, and notes which quirks it has.
 */
void quirks_init(void);

/* A quirk here is about this step, carried out on that CPU and due to raise that vector. */
bool quirk_excludes(const struct crm_cpu *cpu, const struct crp_step *s, u8 due);

/* Bits that the platform itself sets in PDPTEs in memory. */
u64 quirk_pdpte_bits(void);

#endif
