/* SPDX-License-Identifier: MIT */
/*
 * The exit log: one fixed-size record per exit in a ring of the CPU's own, so that a panic can show what
 * came before it. Nothing is formatted on the exit path.
 */
#ifndef HV_LOG_H
#define HV_LOG_H

#include "hv/types.h"

struct log_record {
	u64 tsc;  /* ticks */
	u64 rip;  /* of the guest at the exit */
	u64 info; /* exit qualification or EXITINFO1 where the kind has one, else 0 */
	u32 kind; /* enum exit_kind */
	u32 code; /* the vendor's exit reason or exit code */
};

#endif
