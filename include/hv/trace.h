/* SPDX-License-Identifier: MIT */
/*
 * The format of the trace: a ring of records per CPU, which the hypervisor writes, and the guest
 * (HC_TRACE) and the tools of the host read. doc/trace-format.md explains it. Little-endian; a
 * block is a header and the records behind it, in memory as in a file.
 */
#ifndef HV_TRACE_H
#define HV_TRACE_H

#include "hv/types.h"

#define TRACE_MAGIC	  0x314543617274614cULL /* "LatraCE1" in memory */
#define TRACE_VERSION	  1
#define TRACE_RECORD_SIZE 64 /* bytes, of the header too */
#define TRACE_VALUES	  5
#define TRACE_MAX	  65536 /* records of a ring at most; a power of two, as each size is */
#define TRACE_COPY_MAX	  63	/* records that one HC_TRACE copies at most */

/* The text form of a header or record in a serial log, behind "lamina: ": this word, the eight
 * words of the record in hexadecimal, and the sum of the sums of the words up to each. */
#define TRACE_WORD "trace "

struct trace_header {
	u64 magic;
	u16 version, record_size;
	u32 count;	    /* records behind this header, of which some may be empty: all zero */
	u32 cpu, reserved0; /* index */
	u64 next;	    /* position of the next record: bytes of records since the start */
	u64 start_tsc;	    /* ticks, when the ring was made: tells one start from another */
	u64 tsc_khz;	    /* 0: not known, as Lamina writes it */
	u32 capacity; /* records of the ring, whose size in bytes gives the place of a position */
	u32 reserved[3];
};

enum trace_kind {
	TRACE_EXIT,    /* sub: enum exit_kind; values: RDMSR: number; WRMSR: number, EDX:EAX; SLAT:
			  guest-physical address; HYPERCALL: EAX */
	TRACE_CR,      /* CR exit; sub: TRACE_CR_*; values: hw, owned, shadow, value, register */
	TRACE_VERDICT, /* sub: enum verdict; values: register, bits, bits dropped, hw, owned */
	TRACE_START,   /* sub: enum trace_start; values: vector, index of the CPU it is for */
	TRACE_NMI,     /* the guest gets an NMI */
	TRACE_HYPAPP,  /* sub: enum trace_hypapp; values: event, then three of the hypapp's own */
	TRACE_KINDS
};

/* struct trace_record.what; count is that of the values. An exit's is its kind alone. */
#define TRACE_WHAT(kind, sub, count) ((u32)(sub) | (u32)(kind) << 8 | (u32)(count) << 16)
#define TRACE_SUB(what)		     ((what)&0xff)
#define TRACE_KIND(what)	     ((what) >> 8 & 0xff)
#define TRACE_COUNT(what)	     ((what) >> 16)

/* A CR exit: who did what, and how it ended. */
#define TRACE_CR_ACCESS	    0x03u /* enum cr_access: MOV to, MOV from, CLTS, LMSW */
#define TRACE_CR_REFUSED    0x04u /* #GP or #UD */
#define TRACE_CR_UNEXPECTED 0x08u /* the model did not expect this exit */

enum trace_start { TRACE_INIT_SENT, TRACE_SIPI_SENT, TRACE_INIT, TRACE_SIPI };

enum trace_hypapp {
	TRACE_STATS = 1,
	TRACE_GDB,
	TRACE_HELLO,
	TRACE_CRWATCH,
	TRACE_MSRWATCH,
	TRACE_VAULT,
	TRACE_WX,
	TRACE_STEP,
	TRACE_SYSCALLS
};

struct trace_record {
	u32 tsc[2]; /* ticks, low half and high half */
	u32 at;	    /* low half of its position */
	u32 what;   /* TRACE_WHAT */
	u64 rip;    /* of the guest; 0 where there is none */
	u64 value[TRACE_VALUES];
};

_Static_assert(sizeof(struct trace_header) == 64 && sizeof(struct trace_record) == 64, "format");

struct trace_ring {
	struct trace_header head;
	struct trace_record record[];
};

#endif
