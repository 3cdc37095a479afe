/* SPDX-License-Identifier: MIT */
/* The parts of the groups `attack` and `msrs` (doc/security.md). */
#ifndef TESTKERNEL_CASES_ATTACK_H
#define TESTKERNEL_CASES_ATTACK_H

#include "testkernel/cases/hostile.h"

#define ATTACK_SPOTS 3

/* What is attacked, and pages in it, the first and the last among them. */
struct attack {
	struct target t;
	u64 spot[ATTACK_SPOTS];
};

extern struct attack attack;

/* Every byte of what is attacked is FFh from now on: a guest sees one page everywhere in it. */
void attack_fill(void);

/* The quadword there, by 64-bit code at CPL 0, is all ones. */
void attack_reads_ones(u64 at, const char *how);

/* `seed=N` on the command line, or a number of the kernel's own; noted. */
u64 attack_seed(void);

/* By what makes an address: paging of every kind, memory types, page tables of strange places. */
void attack_ways(void);

/* Instructions of VT-x in every mode. */
void attack_insns(void);

/* Garbage hypercalls, of every CPU. */
void attack_calls(u64 seed);

/* While something else goes on. */
void attack_meanwhile(u64 seed);

#endif
