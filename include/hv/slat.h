/* SPDX-License-Identifier: MIT */
/*
 * What a vendor's second-level page tables look like (EPT: Intel SDM vol. 3C, 29.3.2; NPT: AMD APM
 * vol. 2, 15.25). Four levels of 512 eight-byte entries; level 1 maps 4 KiB, 2 maps 2 MiB, 3 maps 1
 * GiB. Leaves differ; an entry that points to a lower table is the same in both: its address, and
 * all rights in bits 2:0 (read, write and execute, or present, writable and user). Bit 7 marks a
 * large leaf.
 */
#ifndef HV_SLAT_H
#define HV_SLAT_H

#include "hv/exit.h"
#include "hv/types.h"

struct slat_format {
	bool has_1g; /* level 3 may hold leaves; set by the probe */
	u64 (*leaf)(hpa_t pa, u32 perms, u8 memtype, u32 level); /* perms: SLAT_*; 0 gives 0 */
	u64 (*no_exec)(u64 entry); /* the same entry, of any level, without that right */
};

#endif
