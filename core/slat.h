/* SPDX-License-Identifier: MIT */
/*
 * Second-level address translation: guest-physical equals host-physical, with memory types after
 * the MTRRs, except where a rule below says otherwise. One set of tables for all CPUs.
 */
#ifndef CORE_SLAT_H
#define CORE_SLAT_H

#include "hv/err.h"
#include "hv/slat.h"
#include "hv/types.h"
#include "hv/vcpu.h"
#include "lib/mtrr.h"

/* Build the tables for RAM up to ram_top and all below 4 GiB. */
err_t slat_init(const struct slat_format *f, const struct mtrr_state *mtrr, u64 ram_top,
		u32 phys_bits);
hpa_t slat_root(void);

/* [base, base + size) is not there for the guest; a touch of one of its pages calls slat_decoy. */
err_t slat_hide(u64 base, u64 size);
/* Give the guest the scratch page in place of the hidden page at gpa. False: gpa is not hidden. */
bool slat_decoy(u64 gpa);

/* The guest may read and execute the 4 KiB page at base, its writes exit. Bring-up; so many pages.
 */
#define SLAT_READ_ONLY 64
err_t slat_write_protect(u64 base);
bool slat_is_write_protected(u64 gpa);

/* Guest writes to the 4 KiB page at base exit (or no longer). At most SLAT_TRAPS pages. The caller
 * flushes. */
#define SLAT_TRAPS MAX_CPUS
void slat_trap_writes(u64 base, bool on);

/* Map what was left out at first: devices above RAM. False: out of memory. */
bool slat_map_missing(u64 gpa);

/* The MTRRs changed. The caller flushes. */
void slat_set_mtrr(const struct mtrr_state *mtrr);

#endif
