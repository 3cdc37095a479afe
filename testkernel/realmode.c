/* SPDX-License-Identifier: MIT */
#include "testkernel/realmode.h"
#include "testkernel/cpu.h"
#include "x86/msr.h"
#include "lib/string.h"

extern const u8 realmode_start[], realmode_vector_end[], realmode_end[];
void realmode_enter(struct rm_regs *at);

#define REGS_OFFSET 4 /* in the page, see realmode.S */

void realmode_int(u8 vector, struct rm_regs *r)
{
	u8 *page = (u8 *)(uintptr_t)RM_PAGE;
	struct rm_regs *at = (void *)(page + REGS_OFFSET);
	u64 gs_base = rdmsr(MSR_GS_BASE);

	memcpy(page, realmode_start, (size_t)(realmode_end - realmode_start));
	page[realmode_vector_end - realmode_start - 1] = vector;
	*at = *r;
	realmode_enter(at);
	wrmsr(MSR_GS_BASE, gs_base); /* real mode loaded GS */
	*r = *at;
}
