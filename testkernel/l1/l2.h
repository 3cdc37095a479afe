/* SPDX-License-Identifier: MIT */
/* The guest's memory, code and registers. Each CPU's guest has its own. */
#ifndef TESTKERNEL_L1_L2_H
#define TESTKERNEL_L1_L2_H

#include "testkernel/l1/l1_case.h"

#define L2_CODE 0x0000u /* offset in the guest's area, bytes */
#define L2_DATA 0x1000u

/* Where the calling CPU's guest has its code and data; page aligned, below 1 MiB unless it starts
 * with 32-bit paging. */
u64 l2_area(const struct l1_case *c);

/* The guest's registers as the case wants them; code is not touched. */
void l2_build(const struct l1_case *c, struct l2 *g);

/* The four PDPTEs that the CPU loads from memory, when it does. */
void l2_pdptes(const struct l1_case *c, u64 pdpte[4]);

/* The source operand of a write: the case's value, which for CR3 is what to change of its value. */
u64 l2_operand(const struct l1_case *c);

/* AMD-V's intercepts. */
void l2_traps(const struct l1_case *c, struct crm_intercepts traps[CRM_CRS]);

/* Once, on CPU 0. */
void l2_init(void);

/* Puts the access, for writes a MOV from the same register to *back, and VMCALL (AMD-V: VMMCALL) at
 * the code; returns the length of the access, and in *total that of it and the MOV, bytes. *back is
 * 16 if there is no MOV; so it is if it would exit. */
u32 l2_code(const struct l1_case *c, u32 *total, u32 *back);

#endif
