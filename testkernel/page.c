/* SPDX-License-Identifier: MIT */
#include "testkernel/page.h"
#include "testkernel/asm.h"

extern u64 window_pt[512];

u64 window_map(u32 slot, u64 pa, u64 flags)
{
	u64 va = WINDOW_BASE + slot * PAGE_SIZE;

	window_pt[slot] = (pa & PTE_ADDR) | flags;
	tk_invlpg(va);
	return va;
}
