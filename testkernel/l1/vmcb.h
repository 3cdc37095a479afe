/* SPDX-License-Identifier: MIT */
/* The VMCB, intercepts and exit codes that the small hypervisor uses (AMD APM vol. 2, chapter 15,
 * appendices B and C). */
#ifndef TESTKERNEL_L1_VMCB_H
#define TESTKERNEL_L1_VMCB_H

#include "hv/types.h"

struct vmcb_segment {
	u16 sel, attr; /* attr: bits 7:0 and 15:12 of what the VMCS stores */
	u32 limit;
	u64 base;
};

enum vmcb_segment_name {
	VMCB_ES,
	VMCB_CS,
	VMCB_SS,
	VMCB_DS,
	VMCB_FS,
	VMCB_GS,
	VMCB_GDTR,
	VMCB_LDTR,
	VMCB_IDTR,
	VMCB_TR,
	VMCB_SEGMENTS
};

struct vmcb {
	u16 cr_reads, cr_writes, dr_reads, dr_writes; /* intercepts, bit n: register n */
	u32 exceptions;				      /* bit n: vector n */
	u32 intercepts[2];			      /* bit n: exit codes 60h + n, 80h + n */
	u8 reserved0[0x28];
	u64 iopm, msrpm, tsc_offset; /* 040h */
	u32 asid, tlb_control;
	u64 vintr, interrupt_shadow;
	u64 exit_code, exit_info1, exit_info2, exit_int_info; /* 070h */
	u64 np_enable;
	u8 reserved1[0x10];
	u64 event; /* 0a8h */
	u64 n_cr3, lbr, clean, next_rip;
	u8 reserved2[0x330];
	struct vmcb_segment seg[VMCB_SEGMENTS]; /* 400h */
	u8 reserved3[0x2b];
	u8 cpl; /* 4cbh */
	u32 reserved4;
	u64 efer;
	u8 reserved5[0x70];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip; /* 548h */
	u8 reserved6[0x58];
	u64 rsp; /* 5d8h */
	u8 reserved7[0x18];
	u64 rax; /* 5f8h */
	u8 reserved8[0x68];
	u64 pat; /* 668h */
	u8 reserved9[0x990];
};

_Static_assert(offsetof(struct vmcb, iopm) == 0x40, "VMCB");
_Static_assert(offsetof(struct vmcb, exit_code) == 0x70, "VMCB");
_Static_assert(offsetof(struct vmcb, event) == 0xa8, "VMCB");
_Static_assert(offsetof(struct vmcb, seg) == 0x400, "VMCB");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "VMCB");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "VMCB");
_Static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "VMCB");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "VMCB");
_Static_assert(offsetof(struct vmcb, pat) == 0x668, "VMCB");
_Static_assert(sizeof(struct vmcb) == 4096, "VMCB");

#define SVM_CR_READ	  0x00u
#define SVM_CR_WRITE	  0x10u
#define SVM_CR_LAST	  0x1fu
#define SVM_EXCEPTION	  0x40u
#define SVM_EXCEPTION_END 0x60u
#define SVM_CR0_SELECTIVE 0x65u
#define SVM_HLT		  0x78u
#define SVM_INVLPGA	  0x7au
#define SVM_SHUTDOWN	  0x7fu
#define SVM_VMRUN	  0x80u
#define SVM_VMMCALL	  0x81u
#define SVM_VMLOAD	  0x82u
#define SVM_VMSAVE	  0x83u
#define SVM_STGI	  0x84u
#define SVM_CLGI	  0x85u
#define SVM_SKINIT	  0x86u
#define SVM_INVALID	  0xffffffffu /* of the 64 bits, the lower ones */

/* Of intercepts[] */
#define SVM_INTERCEPT(code) (1u << ((code)&31))

#define SVM_FEATURE_NPT	 BIT(0) /* CPUID 8000000Ah, EDX */
#define SVM_FEATURE_NRIP BIT(3)

#define TLB_FLUSH_ALL 1u

#endif
