/* SPDX-License-Identifier: MIT */
/*
 * The 16-bit code at which an AP starts: writes down the state in which INIT and SIPI left the CPU,
 * before it changes anything, then goes to long mode and on to ap_main() (smp.c).
 */
#ifndef TESTKERNEL_TRAMPOLINE_H
#define TESTKERNEL_TRAMPOLINE_H

#include "hv/types.h"

struct ap_capture { /* offsets are used in trampoline.S */
	u32 gpr[8]; /* EAX ECX EDX EBX ESP EBP ESI EDI */
	u32 cr0, cr2, cr3, cr4;
	u32 eflags, dr6, dr7, efer;
	u32 ip;
	u16 cs, ds, es, fs, gs, ss;
	u16 gdt_limit, gdt_base_lo, gdt_base_hi;
	u16 idt_limit, idt_base_lo, idt_base_hi;
	u8 limit_faults; /* of DS ES FS GS: raised #GP just past 64 KiB, see probe_limits */
	u8 unused[3];
} __attribute__((packed));

enum ap_path {
	AP_ONE_STEP,  /* real mode to long mode by one MOV CR0 that sets PE and PG */
	AP_TWO_STEPS, /* PE first, PG later from 32-bit code */
};

struct ap_params { /* at the start of the page, after the jump; offsets are used in trampoline.S */
	u16 jump;
	u16 path;
	u32 probe_limits; /* 1: count limit_faults, with interrupt vector 13 of real mode hooked */
	volatile u32 token; /* 1: the page is free for one CPU; it holds 0 until it leaves */
	u32 cr0;	    /* to set in long mode */
	struct ap_capture capture;
};

extern const u8 trampoline_start[], trampoline_end[], trampoline_gp[];

#endif
