/* SPDX-License-Identifier: MIT */
/* The parts of the group `xp`; for C and for assembly. xp_page.S tells what it is about. */
#ifndef TESTKERNEL_CASES_XP_H
#define TESTKERNEL_CASES_XP_H

#define XP_PAGE	 0x006a2000 /* where the code runs identity mapped, if that page is free */
#define XP_HIGH	 0x80000000 /* linear address at which physical memory is mapped once more */
#define XP_EXACT 0x9aa	    /* offsets in the page: the sequence, the MOV from CR4 in it */
#define XP_CR4	 0x9b8

#define XP_STEP_PERIOD 16 /* every so many rounds one is single-stepped, */
#define XP_STEPS       23 /*   which takes so many debug exceptions */

#define XP_CPU_SIZE 4096 /* bytes of struct xp_cpu, also its alignment */
#define XP_BADS	    8	 /* bad reads that are kept */
#define XP_BAD_SIZE 20

#define XP_VECTOR 0x68 /* of the interrupts */

/* Offsets of struct xp_cpu */
#define XC_DUE_CR0     0
#define XC_DUE_CR4     4
#define XC_AFTER_CR4   8
#define XC_UNPAGED_CR0 12
#define XC_CR3_SMALL   16
#define XC_CR3_LARGE   20
#define XC_ROUNDS      24
#define XC_GO_ON       28
#define XC_X2APIC      32
#define XC_SEED	       36
#define XC_ON_BAD      40
#define XC_LEAVE       44
#define XC_ROUND       48
#define XC_NMIS	       52
#define XC_NMIS_LOW    56
#define XC_IRQS	       60
#define XC_TRAPS       64
#define XC_BAD_COUNT   68
#define XC_BAD	       72
#define XC_FAULTS      232
#define XC_FAULT       236
#define XC_RSP	       272
#define XC_OLD	       280

/* What was read: struct xp_bad.step */
#define XR_START_CR0   0
#define XR_START_CR4   1
#define XR_CR0	       2
#define XR_UNPAGED_CR0 3
#define XR_CR4	       4
#define XR_WRITTEN_CR4 5
#define XR_PAGED_CR0   6
#define XR_PAGED_CR4   7
#define XR_AFTER_CR0   8
#define XR_AFTER_CR3   9
#define XR_AFTER_CR4   10
#define XR_STEPPED_CR0 11
#define XR_STEPPED_CR4 12
#define XR_LONG_CR4    13
#define XR_COUNT       14

#ifndef __ASSEMBLY__
#include "hv/types.h"

struct xp_bad { /* a read that was not what it should be */
	u32 round, step, address, read, due;
};

struct xp_fault {
	u32 vector, error, eip, cr2, ecx, edx, cr0, cr4;
};

/* One CPU's part of a run; xp_entry.S finds it below its stack. */
struct xp_cpu {
	/* in: what CR0 and CR4 must read as before, after, and while paging is off */
	u32 due_cr0, due_cr4, after_cr4, unpaged_cr0;
	u32 cr3_small, cr3_large; /* tables to start with, and those the sequence goes over to */
	u32 rounds;		  /* at least, */
	volatile u32 go_on;	  /*   and until this is 0 */
	u32 x2apic;
	u32 seed; /* of the pauses between rounds */
	u32 on_bad, leave;

	/* out */
	volatile u32 round;	     /* rounds done */
	volatile u32 nmis, nmis_low; /* NMIs taken; those of them in identity-mapped code */
	volatile u32 irqs, traps;    /* interrupts XP_VECTOR; debug exceptions */
	u32 bad_count;		     /* bad reads, the first of which are kept */
	struct xp_bad bad[XP_BADS];
	u32 faults;
	struct xp_fault fault;
	u32 unused;
	u64 rsp;    /* the way back */
	u32 old[4]; /* CR0 CR3 CR4 EFER */
	u8 stack[XP_CPU_SIZE - 296];
} __attribute__((aligned(XP_CPU_SIZE)));

enum xp_paging { XP_32BIT, XP_PAE, XP_PAGINGS };

/* Copies the code to its page and builds tables and descriptors; NULL: ready, else what is missing.
 */
const char *xp_build(void);

/* The registers and tables of a run, everything else 0. */
void xp_prepare(struct xp_cpu *x, enum xp_paging paging);

/* Performs the rounds on the calling CPU, interrupts disabled before and after. */
void xp_rounds(struct xp_cpu *x);

/* The ways to run them on all CPUs. Each checks, and leaves the case's line to the caller. */
void xp_one_by_one(enum xp_paging paging, u32 rounds);
void xp_all_at_once(enum xp_paging paging, u32 rounds);

/* CPU `from` sends interrupts and NMIs to those that run, so many each, and with three or more CPUs
 * restarts one that does not. Two CPUs at least. */
void xp_under_fire(u32 from, enum xp_paging paging, u32 rounds, u32 sends);

/* What all runs together have to show. */
void xp_sums(void);
#endif

#endif
