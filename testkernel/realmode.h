/* SPDX-License-Identifier: MIT */
/* Calls the BIOS: out of long mode to real mode and back. CPU 0 only, interrupts disabled. */
#ifndef TESTKERNEL_REALMODE_H
#define TESTKERNEL_REALMODE_H

#include "hv/types.h"

struct rm_regs { /* offsets are used in realmode.S */
	u32 eax, ebx, ecx, edx, esi, edi;
	u32 eflags; /* out */
	u32 es;	    /* in: low 16 bits */
};

#define RM_CARRY 1u /* in eflags */

/* The interrupt `vector` with these registers. */
void realmode_int(u8 vector, struct rm_regs *r);

#endif
