/* SPDX-License-Identifier: MIT */
/*
 * The exit log: one fixed-size record per exit in a ring of the CPU's own, so that a panic can show
 * what came before it. Nothing is formatted on the exit path.
 */
#ifndef HV_LOG_H
#define HV_LOG_H

#include "hv/types.h"

struct log_record {
	u32 tsc_low, tsc_high; /* ticks */
	u64 rip;	       /* of the guest at the exit */
	u32 kind;	       /* enum exit_kind */
	u32 reserved[3];
};

#endif
