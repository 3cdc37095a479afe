/* SPDX-License-Identifier: MIT */
/*
 * Random cases for a box, each made from the seed, the CPU and its number alone. What is generated
 * is what reaches a hypervisor, and raw bytes; left out is what would end the machine
 * (doc/testing.md).
 */
#ifndef TESTKERNEL_FUZZ_GEN_H
#define TESTKERNEL_FUZZ_GEN_H

#include "testkernel/fuzz/box.h"

#define FUZZ_CODE 160 /* bytes at most */
#define FUZZ_MSRS 4

enum fuzz_stream {
	FUZZ_SAME,    /* bare and on Lamina the outcome is the same */
	FUZZ_HOSTILE, /* it need not be; Lamina and the kernel live on */
};

struct fuzz_case {
	struct box_run run;
	u8 code[FUZZ_CODE];
	u32 msr[FUZZ_MSRS], msrs; /* written: to be put back */
	u16 ports;		  /* the first of four that keep what is written; 0: unused */
	bool lapic;		  /* the local APIC's registers were written */
};

void fuzz_make(struct fuzz_case *c, enum fuzz_stream stream, u64 seed, u64 number);

/* --- for the parts of the generator --- */

struct gen {
	u64 state;
	struct fuzz_case *c;
	const struct box_mode_info *mode;
	enum fuzz_stream stream;
	u32 n; /* bytes so far */
	bool amd, tcg;
	bool last;   /* nothing may follow */
	bool longer; /* a prefix may have it reach into what follows */
};

u32 gen_random(struct gen *g);

/* 0 .. n - 1 */
u32 gen_below(struct gen *g, u32 n);

static inline bool gen_once_in(struct gen *g, u32 n)
{
	return gen_below(g, n) == 0;
}

/* A value of the kind that breaks things: addresses, borders, selectors, small and random numbers.
 */
u64 gen_value(struct gen *g);

/* An address in the arena (or hidden memory, in the stream that may), as this mode has it. */
u64 gen_pointer(struct gen *g);

void gen_byte(struct gen *g, u8 byte);
void gen_bytes(struct gen *g, u64 value, u32 size);

/* MOV of an immediate to a register 0 .. 7, 32 bits or 64. */
void gen_load(struct gen *g, u32 reg, u64 value);

/* Prefixes that change what follows, which must have no immediate that would be code without them.
 */
void gen_prefixes(struct gen *g);

/* ModRM and what follows: any operand, or one in memory only. */
void gen_operand(struct gen *g, u32 reg);
void gen_memory(struct gen *g, u32 reg);

/* The code that is run has this address at the present end, as a far pointer of the mode names it.
 */
u64 gen_here(struct gen *g);

/* One instruction or a few that belong together: false, if it is nothing for this mode. */
bool gen_control(struct gen *g); /* gen_control.c: control, debug and model-specific registers,
				    CPUID, ports */
bool gen_flow(struct gen *g);	 /* gen_flow.c: segments, flags, stacks, interrupts, calls */
bool gen_plain(struct gen *g);	 /* gen_flow.c: instructions with memory operands */
bool gen_virt(struct gen *g);	 /* gen_hostile.c: instructions of VT-x, AMD-V and SMX */
bool gen_hostile(struct gen *g); /* gen_hostile.c: hypercalls, hidden memory, local APIC */
bool gen_raw(struct gen *g);	 /* gen_raw.c */

#endif
