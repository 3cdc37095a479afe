/* SPDX-License-Identifier: MIT */
/*
 * The memory type that the MTRRs give an address ("Intel SDM vol. 3A", 12.11; "AMD APM vol.
 * 2", 7.7). Pure: works on copies of the MSRs.
 */
#ifndef LIB_MTRR_H
#define LIB_MTRR_H

#include "hv/types.h"

#define MTRR_FIXED_COUNT    11
#define MTRR_VARIABLE_COUNT 16 /* the most we keep; CPUs have 8 to 10 */

enum mtrr_type { MTRR_UC = 0, MTRR_WC = 1, MTRR_WT = 4, MTRR_WP = 5, MTRR_WB = 6 };

struct mtrr_state {
	u64 cap;		     /* IA32_MTRRCAP: bits 7:0 say how many pairs count */
	u64 def_type;		     /* IA32_MTRR_DEF_TYPE: type, FE (bit 10), E (bit 11) */
	u64 fixed[MTRR_FIXED_COUNT]; /* 64K_00000, 16K_80000, 16K_A0000, 4K_C0000 ... 4K_F8000 */
	u64 base[MTRR_VARIABLE_COUNT], mask[MTRR_VARIABLE_COUNT];
};

/*
 * True when all of [base, base + size) has one type, stored in *type, on a CPU with phys_bits
 * address bits. Overlapping ranges of types that the manuals do not let overlap are UC. size is a
 * power of two of 4 KiB or more, base a multiple of it. The time does not depend on size. Masks
 * with gaps in them are legal and can make the range a pattern that would take long to follow: then
 * the answer may be false too early, but never for 4 KiB.
 */
bool mtrr_type_range(const struct mtrr_state *s, u64 base, u64 size, u32 phys_bits, u8 *type);

#endif
