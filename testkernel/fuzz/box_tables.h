/* SPDX-License-Identifier: MIT */
/* The page tables of the boxes. Linear addresses are physical ones, but for ARENA_HIDDEN. */
#ifndef TESTKERNEL_FUZZ_BOX_TABLES_H
#define TESTKERNEL_FUZZ_BOX_TABLES_H

#include "testkernel/fuzz/box.h"

/* Of one CPU, whose arena begins there. */
void box_tables_init(u32 cpu, u64 arena);

/* Kernel memory that is needed on the way in and out, below 8 MiB: nothing else of it is there. */
void box_tables_kernel(u32 cpu, const volatile void *start, const volatile void *end,
		       bool writable);

/* CR3 for that kind of paging. */
u64 box_cr3(u32 cpu, enum box_paging paging);

/* The arena's pages of this kind of paging are CPL 3's or not. */
void box_tables_user(u32 cpu, enum box_paging paging, bool user);

void box_tables_window(u32 cpu, u32 n, u64 frame);

#endif
