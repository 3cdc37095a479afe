/* SPDX-License-Identifier: MIT */
/*
 * Programs of accesses to CR0, CR3, CR4 and EFER: each step is foreseen by the model
 * (crmodel/crm.h) when it is added, all are carried out by crexec.h, and then compared. The CPU
 * starts in 64-bit mode as the kernel runs, and comes back to it.
 */
#ifndef TESTKERNEL_CRPROG_H
#define TESTKERNEL_CRPROG_H

#include "crmodel/crm.h"
#include "testkernel/crexec.h"

enum crp_kind {
	CRP_READ,  /* MOV from CR `cr` */
	CRP_WRITE, /* MOV to CR `cr` */
	CRP_SMSW,  /* bits 15:0 count (Intel SDM vol. 2B, SMSW) */
	CRP_LMSW,
	CRP_CLTS,
	/* An instruction of AMD-V or VT-x, which is not there: 0F 01 `value`, or, by three bytes of
	 * the value, a prefix (0: none), 0F, an opcode, a ModRM byte */
	CRP_SVM,
	CRP_READ_EFER,
	CRP_WRITE_EFER, /* bits 31:0 */
	CRP_CODE, /* jump to code of the size CRP_TO32 or CRP_TO64, which long mode alone allows */
	CRP_KINDS
};

/* They read right in hexadecimal, as values are written (crprog_text.c). */
#define CRP_TO32 0x32
#define CRP_TO64 0x64

enum crp_mode {
	CRP_REAL,
	CRP_PROTECTED,
	CRP_PAGING32,
	CRP_PAE,
	CRP_COMPATIBILITY,
	CRP_LONG,
	CRP_MODES
};

extern const char *const crp_mode_names[CRP_MODES];

struct crp_step {
	u8 kind; /* enum crp_kind */
	u8 cr;	 /* 0 .. 15, above 7 in 64-bit code only */
	u8 ring; /* CRX_KERNEL .. */
	u8 reg;	 /* register operand; other than EAX at CPL 0 only */
	u64 value;
};

struct crp_foreseen {
	struct crp_step step;
	u64 from;  /* the register written, before */
	u64 value; /* due of a read */
	u8 vector; /* due: a fault, or 0 */
	u8 mode;   /* enum crp_mode, before */
};

struct crp {
	struct crm_cpu cpu; /* foreseen, after all steps so far */
	u64 efer_allowed;
	u32 n;
	u32 left_out; /* steps that crp_add refused, see there */
	struct crp_foreseen steps[CRX_OPS - 1];
};

/* What was found where it was not what was foreseen. */
struct crp_wrong {
	u32 at; /* step */
	u8 vector;
	u64 value;
};

/* An empty program of the calling CPU, which learns about that CPU. */
void crp_init(struct crp *p);

/* An empty program again. */
void crp_start(struct crp *p);

/*
 * Adds a step, a jump to real mode's, protected mode's or compatibility mode's code included if the
 * step changes the mode. False: it is left out, and counted, because after it
 *   - paging would use other tables than the executor's, or
 *   - a feature would be on that the executor's low addresses and handlers do not serve: LASS,
 * FRED, or
 *   - a platform is known not to do it right, and the machine would not survive (quirks.h).
 * False too, and not counted: it is no such step in that mode, or the program is full.
 */
bool crp_add(struct crp *p, const struct crp_step *s);

/* Steps that lead from where the program is to these values and to code of that size (CRX_CODE16 ..
 * CRX_CODE64); false: there is no such way. */
bool crp_route(struct crp *p, const struct crm_cpu *to);

/* The code in which the program is. */
u8 crp_code(const struct crm_cpu *cpu);

/* The mode in which it is. */
enum crp_mode crp_mode(const struct crm_cpu *cpu);

/* Runs it. False: step w->at, and none before, was not as foreseen. */
bool crp_run(struct crp *p, struct crp_wrong *w);

/* The step as a word, for print and for crp_parse. */
void crp_word(const struct crp_step *s, char *text, size_t size);

/* Reads the word at *text and leaves *text behind it and one comma; false: it is none. */
bool crp_parse(const char **text, struct crp_step *s);

#endif
