/* SPDX-License-Identifier: MIT */
#include "testkernel/page.h"
#include "testkernel/asm.h"

extern u64 window_pt[512], pd_window[512];

u64 window_map(u32 slot, u64 pa, u64 flags)
{
	u64 va = WINDOW_BASE + slot * PAGE_SIZE;

	window_pt[slot] = (pa & PTE_ADDR) | flags;
	tk_invlpg(va);
	return va;
}

u64 window_table(u64 pa)
{
	pd_window[1] = pa ? pa | PTE_W | PTE_P : 0;
	write_cr3(read_cr3());
	return WINDOW_BASE + PAGE_2M;
}
