/* SPDX-License-Identifier: MIT */
/* The window: 512 pages of 4 KiB from WINDOW_BASE, all absent at first. */
#ifndef TESTKERNEL_PAGE_H
#define TESTKERNEL_PAGE_H

#include "hv/types.h"
#include "testkernel/layout.h"
#include "x86/paging.h"

/* Maps page `slot` of the window to the frame at pa with these flags (0: absent); returns its
 * address. The calling CPU's TLB follows. */
u64 window_map(u32 slot, u64 pa, u64 flags);

/* Makes the page at pa the page table of the 2 MiB behind the window (0: none); returns their
 * address. The calling CPU's TLB follows. */
u64 window_table(u64 pa);

#endif
