/* SPDX-License-Identifier: MIT */
/*
 * struct exit: what the guest did, in neither vendor's words. A backend's decode fills it; handlers
 * and hypapps read it. Only the member that belongs to `kind` is valid.
 */
#ifndef HV_EXIT_H
#define HV_EXIT_H

#include "hv/types.h"

enum exit_kind {
#define EXIT_KIND(name, text) EXIT_##name,
#include "hv/exit_kinds.def"
#undef EXIT_KIND
	EXIT_KINDS
};

/* What a handler wants done. */
enum exit_answer {
	EXIT_PASS,     /* not mine: ask the next hypapp, at last Lamina's own handler */
	EXIT_ADVANCE,  /* the instruction is done: go on behind it */
	EXIT_RETRY,    /* run the same instruction again, or go on where the state now says */
	EXIT_INJECTED, /* an exception was injected: RIP stays at the instruction */
};

struct vcpu;

/* #GP(0) for the instruction that has exited, on the CPU that is in the exit. EXIT_INJECTED. */
enum exit_answer inject_gp(struct vcpu *v);

enum cr_access { CR_MOV_TO, CR_MOV_FROM, CR_CLTS, CR_LMSW };

struct exit_cr {
	u8 cr;	   /* 0, 3, 4 or 8 */
	u8 access; /* enum cr_access */
	u8 gpr;	   /* operand register of MOV, 0 = RAX .. 15 = R15, 4 = RSP */
	u16 lmsw;  /* source operand of LMSW */
};

struct exit_port {
	u16 port;
	u8 size; /* bytes: 1, 2, 4 */
	bool in;
	bool string;
};

#define SLAT_READ  1u
#define SLAT_WRITE 2u
#define SLAT_EXEC  4u

struct exit_slat {
	gpa_t gpa;
	u32 access;	    /* SLAT_* of the access that was refused */
	bool misconfigured; /* the tables themselves are wrong (EPT misconfiguration) */
};

struct exit_exception {
	u32 vector;
	u32 error; /* its error code, where it has one */
	u64 info;  /* #PF: the address, not yet in CR2; #DB: bits as in DR6 */
};

enum task_source { TASK_CALL, TASK_IRET, TASK_JMP, TASK_GATE /* in the IDT */ };

/* x->length: from RIP to where the old task goes on */
struct exit_task {
	u16 selector;	/* of the new TSS */
	u8 source;	/* enum task_source */
	bool external;	/* by an event that no instruction asked for */
	bool nmi;	/* which is an NMI */
	bool has_error; /* or an exception with this error code */
	u32 error;
};

struct exit_raw {
	u32 code;  /* the vendor's exit reason or exit code */
	u64 info1; /* exit qualification or EXITINFO1 */
	u64 info2;
};

struct exit {
	enum exit_kind kind;
	u32 length; /* bytes of the instruction; 0 where the exit is no instruction */
	u64 rip;
	union {
		struct exit_cr cr;
		struct exit_port port;
		struct exit_slat slat;
		struct exit_task task;
		struct exit_raw raw; /* UNKNOWN, VIRT_INSN */
		struct exit_exception exception;
		u32 vector; /* SIPI: start-up vector */
	};
};

struct vcpu;

/*
 * What a backend calls with every exit, on the CPU that had it, before it enters the guest again:
 * trace, hypapps, Lamina's handler (core/exit.c). True: the instruction is done, the backend is to
 * advance.
 */
bool exit_dispatch(struct vcpu *v, const struct exit *x);

#endif
