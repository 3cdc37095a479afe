/* SPDX-License-Identifier: MIT */
/*
 * An address space of a hypapp's own, for guest code that no page tables of the guest's reach: both
 * levels of tables are Lamina's, and map a list of pages and nothing else. All calls are for a CPU
 * that is in an exit.
 */
#ifndef HV_SPACE_H
#define HV_SPACE_H

#include "hv/types.h"
#include "hv/vcpu.h"

#define SPACE_PAGES 32u

struct space_page {
	u64 gpa;    /* of the page; 0: nothing is there */
	u32 access; /* SLAT_*, at CPL 3 */
};

struct space {
	u64 *table[8]; /* four second-level tables, then four of the guest's level */
};

/* RAM of the guest's to which all CPUs have all rights, by no rule of Lamina's or a hypapp's. */
bool space_may_hold(u64 gpa);

/* From linear address `base`, so many pages, which must lie in one 2 MiB range of the lower half.
 * An earlier space at s is replaced; no CPU may be in it. False: no memory. */
bool space_build(struct space *s, u64 base, const struct space_page *page, u32 n);

/* This CPU's guest, in 64-bit mode with four levels of tables, is in the space from its next entry;
 * and out of it, in the one of that CR3. */
void space_enter(struct vcpu *v, const struct space *s);
void space_leave(struct vcpu *v, u64 cr3);

/* Zero a page for which space_may_hold was true, or set eight bytes of it. Any CPU. */
void space_wipe(u64 gpa);
void space_put(u64 gpa, u64 value);

#endif
