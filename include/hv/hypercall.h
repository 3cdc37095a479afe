/* SPDX-License-Identifier: MIT */
/*
 * The hypercall interface that Lamina offers its guest. This header alone is shared with programs
 * that run inside the guest (tools/, testkernel/).
 *
 * A hypercall is VMCALL (Intel) or VMMCALL (AMD) at CPL 0, in any processor mode, with EAX = a
 * number below. Arguments and results are 32-bit registers, so that 16-, 32- and 64-bit guests call
 * alike. Any other EAX, and any call at CPL > 0, gets #UD: what the machine without Lamina would
 * give.
 */
#ifndef HV_HYPERCALL_H
#define HV_HYPERCALL_H

#define HC_MAGIC 0x4c4d0000u /* "LM" in bits 31:16 */

/* -> EAX HC_PROBE_ANSWER, EBX version, ECX index of the CPU that answers, EDX number of CPUs */
#define HC_PROBE	(HC_MAGIC | 0)
#define HC_PROBE_ANSWER 0x494d414cu /* "LAMI" */

/* ECX = enum hc_info item -> EAX 0, EBX/ECX = low/high half; EAX HC_ERANGE: no such item */
#define HC_INFO (HC_MAGIC | 1)

/* ECX = enum hc_cr item of the CPU that calls -> EAX 0, EBX/ECX = low/high half; EAX HC_ERANGE */
#define HC_CR (HC_MAGIC | 3)

/* On the CPU that calls own the bits EBX (low half), EDX (high half) of CR0 (ECX = 0) or CR4 (ECX =
 * 4) besides those that must be -> EAX 0; EAX HC_ERANGE: another register. The guest sees no
 * change. */
#define HC_CR_OWN (HC_MAGIC | 4)

/* ECX = HC_LOG_CR or 0: what is logged from now on, on all CPUs -> EAX 0; EAX HC_ERANGE */
#define HC_LOG	  (HC_MAGIC | 5)
#define HC_LOG_CR 1u

/* The CPU that calls has just read the value EBX (low half), EDX (high half) from CR0 (ECX = 0) or
 * CR4 (ECX = 4): whose fault is it? -> EAX 0, EBX = enum verdict of verdict/verdict.h; EAX
 * HC_ERANGE: another register. */
#define HC_VERDICT (HC_MAGIC | 6)

/* Copy the trace (hv/trace.h) of CPU EBX to the guest-linear address in EDX (RDX in 64-bit code): a
 * header, and as many records from position ECX on, or the oldest there is, as ESI says, at most 63
 * -> EAX 0, EBX = how many, ECX = the position to go on with; EAX HC_ERANGE: no such CPU, no trace,
 * no memory there. Of a position this is the low half. */
#define HC_TRACE (HC_MAGIC | 7)

/* The numbers of hypapps, in spaces of sixteen: which of them run, HC_HYPAPP tells. */
#define HC_NS_CALLS 0xfu
#define HC_NS(n)    (HC_MAGIC | (n) << 4)

/* ECX = n, from 0 -> EAX 0, EBX, ECX, EDX = the name of the n-th hypapp that runs, twelve bytes
 * without a NUL; EAX HC_ERANGE: there are no more. */
#define HC_HYPAPP (HC_MAGIC | 8)

/* Of the hypapp gdb: have the guest stop at the linear address EBX (low half), EDX (high half), on
 * the CPU of index ECX or, HC_BREAK_ALL, on all; HC_BREAK_OFF in ECX besides: no longer -> EAX 0;
 * EAX HC_ERANGE: no such CPU, too many, or not set. */
#define HC_BREAK     (HC_NS(1) | 0)
#define HC_BREAK_ALL 0xffffu
#define HC_BREAK_OFF 0x80000000u

/* Of the hypapp stats: EBX = CPU index, ECX = counter (exit kind, see exit_kinds.def) -> EAX 0,
 * EBX/ECX = low/high half of the count, EDX = number of counters; EAX HC_ERANGE: no such CPU or
 * counter */
#define HC_STATS (HC_NS(8) | 0)

/* Of the hypapps crwatch and msrwatch: ECX = 1: from now on what is watched stays as it is; 0: no
 * change -> EAX 0, EBX = changes seen since the start, ECX = those that were refused */
#define HC_CRWATCH  (HC_NS(2) | 0)
#define HC_MSRWATCH (HC_NS(9) | 0)

/* Of the hypapp hello: EBX = a number -> EAX 0, EBX = that number and how often this was called
 * before on the CPU that calls. */
#define HC_HELLO (HC_NS(3) | 0)

/* Of the hypapp wx: ECX = 1: learn now what is the kernel's code, if it has not been; 0: no change
 * -> EAX 0, EBX = pages of code, ECX = writes to them seen since, EDX = executions of others; EAX
 * HC_ERANGE: no 64-bit kernel with NX. */
#define HC_WX (HC_NS(5) | 0)

/* Of the hypapp syscalls: ECX = 1: watch the process whose CR3 this CPU has; 0: none -> EAX 0, EBX
 * = calls seen since the start; EAX HC_ERANGE: no 64-bit kernel. */
#define HC_SYSCALLS (HC_NS(6) | 0)

/* Of the hypapp step: trace each instruction from the linear address EBX (low half), EDX (high
 * half) on, over as many bytes as bits 31:16 of ECX say (0: no longer), on the CPU of index
 * ECX[15:0] or, HC_BREAK_ALL, on all -> EAX 0, EBX = instructions traced since the start; EAX
 * HC_ERANGE: no such CPU, or too many pages. */
#define HC_STEP (HC_NS(7) | 0)

/* Of the hypapp vault (doc/vault.md). HC_VAULT_REGISTER: struct vault_layout at the linear address
 * EBX (low half), EDX (high half), pages by the page tables of the CPU that calls -> EAX 0, EBX =
 * the vault's number. HC_VAULT_UNREGISTER: wipe the vault EBX and give its pages back -> EAX 0.
 * HC_VAULT_STATE: of the vault EBX -> EAX 0, EBX = 1 while there is one, ECX = accesses from
 * outside that were refused, EDX = vaults that were wiped, both of all since the start. EAX
 * HC_ERANGE: no such vault, or no such layout; HC_EBUSY: another CPU is at it. */
#define HC_VAULT_REGISTER   (HC_NS(4) | 0)
#define HC_VAULT_UNREGISTER (HC_NS(4) | 1)
#define HC_VAULT_STATE	    (HC_NS(4) | 2)

#define VAULT_PAGES   32u
#define VAULT_ENTRIES 8u
/* Where a function of a vault returns to: no page may be there. */
#define VAULT_RETURN 0x4c4d0000u
/* A page of a vault. All but VAULT_ARGS are out of reach from outside. */
#define VAULT_NONE 0u
#define VAULT_CODE 1u /* read and execute */
#define VAULT_DATA 2u /* read and write; stack too */
#define VAULT_ARGS 3u /* read and write, shared with the world outside */

/* 64-bit code calls a vault like a function, at one of its entries: RDI to R9 in, RAX out. */
struct vault_layout {
	unsigned long long base;	   /* linear address of the first page; all in one 2 MiB */
	unsigned int stack;		   /* its top, bytes from base, 16-byte aligned */
	unsigned int entries;		   /* so many of those below */
	unsigned int entry[VAULT_ENTRIES]; /* bytes from base */
	unsigned char page[VAULT_PAGES];   /* VAULT_* above */
};

#define HC_EBUSY  0xfffffffeu
#define HC_ERANGE 0xffffffffu

enum hc_info {
	HC_INFO_HV_BASE,       /* physical address of Lamina's memory, bytes */
	HC_INFO_HV_SIZE,       /* its size, bytes */
	HC_INFO_LOW_BASE,      /* physical address of the page taken below 1 MiB, bytes */
	HC_INFO_LOW_SIZE,      /* its size, bytes */
	HC_INFO_START_TSC,     /* TSC at the first guest instruction, ticks */
	HC_INFO_PROTECTED,     /* first touches of Lamina's pages, writes to its low page */
	HC_INFO_LAPIC_TRAPPED, /* 1 while guest writes to the local APIC's ICR exit, else 0 */
	HC_INFO_CR_UNEXPECTED, /* CR exits that the model does not expect */
	HC_INFO_CR_GUEST,      /* accesses to CR0 and CR4 judged to be the guest's fault, */
	HC_INFO_CR_PLATFORM,   /* the platform's, */
	HC_INFO_CR_LAMINA,     /* Lamina's own, */
	HC_INFO_CR_UNDECIDED,  /* and undecided */
	HC_INFO_CR_DROPPED,    /* writes from which bits were dropped (option quirk=) */
	HC_INFO_COUNT
};

enum hc_cr {
	HC_CR0_HW,     /* the real value */
	HC_CR0_SHADOW, /* what the guest reads of the owned bits */
	HC_CR0_OWNED,
	HC_CR4_HW,
	HC_CR4_SHADOW,
	HC_CR4_OWNED,
	HC_CR_COUNT
};

#endif
