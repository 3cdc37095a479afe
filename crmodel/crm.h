/* SPDX-License-Identifier: MIT */
/*
 * The model of CR0 and CR4, native and under virtualization: pure functions, no state, hosted and
 * freestanding, 64 and 32 bit, callable anywhere. doc/cr-model.md states every law in words.
 *
 * Words: `hw` is the register's real value in guest mode, `owned` the guest/host mask, `shadow` the
 * read shadow (Intel SDM vol. 3C, 25.6.6). The guest's *view* is what it reads. SVM has neither
 * mask nor shadow: there they are the hypervisor's own, kept up by intercepts (AMD APM vol.
 * 2, 15.8). Effects are returned, never performed.
 *
 * Three functions answer three questions about one instruction:
 *   crm_native   what would the bare machine do, if its registers were the guest's view?
 *   crm_execute  what does the CPU in guest mode do by itself: end, fault, or exit?
 *   crm_emulate  what must a hypervisor do that got the exit?
 * The law above all: crm_execute, and crm_emulate after an exit, show the guest what crm_native
 * says.
 */
#ifndef CRM_H
#define CRM_H

#include "hv/types.h"

enum crm_vendor { CRM_INTEL, CRM_AMD };
enum crm_name { CRM_CR0, CRM_CR4, CRM_CRS };

/* Every bit of a register has exactly one class. */
enum crm_class {
	CRM_GUEST,    /* the guest's own; the hardware may force NE */
	CRM_FIXED,    /* reads 1, writes are ignored */
	CRM_IGNORED,  /* reads 0, writes are ignored */
	CRM_HIDDEN,   /* exists, but its feature is withheld from the guest: reads 0, setting it is
			 #GP */
	CRM_RESERVED, /* reads 0, setting it is #GP */
	CRM_CLASSES
};

/* The bits by the names of the manuals; ends with a NULL. */
struct crm_bit {
	enum crm_name cr;
	const char *name;
	u64 bit;
};
extern const struct crm_bit crm_bits[];

struct crm_cr {
	u64 hw, shadow, owned;
};

/* What the hardware demands of the real value in guest mode. SVM forces nothing to 1. */
struct crm_limits {
	u64 must1, must0;
	u64 unjudged; /* bits whose rules the CPU does not keep as it should: to be owned */
};

/* The CR intercepts of a VMCB (AMD APM vol. 2, 15.9). */
struct crm_intercepts {
	bool read, write;
	bool selective; /* CR0 only: MOVs that change more than TS and MP, and any LMSW */
};

/* A CPU as far as the model goes. On a bare machine: owned and limits all 0. */
struct crm_cpu {
	enum crm_vendor vendor;
	struct crm_cr cr[CRM_CRS];
	struct crm_limits limits[CRM_CRS];
	struct crm_intercepts intercepts[CRM_CRS]; /* CRM_AMD only */
	u64 cr3, efer;
	u64 cr4_allowed; /* CR4 bits that exist for this guest */
	u64 cr4_fixed;	 /* CR4 bits that read 1 for this guest, whatever it writes */
	u32 phys_bits;	 /* MAXPHYADDR */
	u8 cpl;		 /* virtual-8086 mode: 3 */
	bool cs_l;	 /* CS.L, whether or not long mode is active */
	bool tss16;	 /* TR holds a 16-bit TSS */
};

enum crm_op { CRM_MOV_TO, CRM_MOV_FROM, CRM_LMSW, CRM_CLTS, CRM_SMSW };

struct crm_insn {
	enum crm_op op;
	u8 cr;	   /* MOV: 0 .. 15 */
	u64 value; /* MOV_TO, LMSW: the whole source register; the model takes what counts */
};

enum crm_verdict { CRM_OK, CRM_EXIT, CRM_GP, CRM_UD };

#define CRM_TLB_ALL   BIT(0) /* all translations, global ones too */
#define CRM_TLB_PCID  BIT(1) /* those of the current PCID */
#define CRM_LMA_SET   BIT(2) /* EFER.LMA := 1 */
#define CRM_LMA_CLEAR BIT(3) /* EFER.LMA := 0 */
#define CRM_PDPTE     BIT(4) /* reload the four PDPTEs; a bad one turns the verdict into #GP */
#define CRM_UNPAGED \
	BIT(5) /* paging is off now: a hypervisor whose own tables the guest then runs */
#define CRM_PAGED                                                                       \
	BIT(6) /*   on clears CRM_CR4_PAGED_ONLY in hw meanwhile; with SLAT it need not \
		*/

/* Bits of CR4 that mean nothing while paging is off, but would to a hypervisor's own tables. */
#define CRM_CR4_PAGED_ONLY 0x1700000ULL /* SMEP SMAP PKE PKS */

struct crm_result {
	enum crm_verdict verdict;
	u64 value;	    /* MOV_FROM, SMSW: what is read. Writes: the guest's new view */
	u64 effects;	    /* CRM_TLB_ALL .. */
	struct crm_cr next; /* of the register written; with CRM_EXIT or a fault as before */
};

/* What the guest reads (L1). */
u64 crm_read(const struct crm_cr *c);

/* In 64-bit mode all of a register is the operand, elsewhere 32 bits (Intel SDM vol. 2B, MOV CR).
 */
u64 crm_width(const struct crm_cpu *cpu, u64 value);

/* VT-x: does a MOV of `value` to the register exit (L2)? */
bool crm_write_exits(const struct crm_cr *c, u64 value);

/* Does the instruction exit, if no fault comes first? */
bool crm_exits(const struct crm_cpu *cpu, const struct crm_insn *i);

struct crm_result crm_native(const struct crm_cpu *cpu, const struct crm_insn *i);
struct crm_result crm_execute(const struct crm_cpu *cpu, const struct crm_insn *i);
struct crm_result crm_emulate(const struct crm_cpu *cpu, const struct crm_insn *i);

/* The CPU after an instruction: takes `next` and the effects on EFER, or the new CR3, over. */
void crm_apply(struct crm_cpu *cpu, const struct crm_insn *i, const struct crm_result *r);

/* The four PDPTEs of PAE paging are valid (Intel SDM vol. 3A, 4.4.1). */
bool crm_pdptes_valid(const u64 pdpte[4], u32 phys_bits);

/* The bits of one class. */
u64 crm_class(enum crm_name name, enum crm_class class);

/* The CPUID words that tell of CR4 bits: leaf, [subleaf,] register. */
enum crm_cpuid_word {
	CRM_CPUID_1_ECX,
	CRM_CPUID_1_EDX,
	CRM_CPUID_7_EBX,
	CRM_CPUID_7_ECX,
	CRM_CPUID_7_EDX,
	CRM_CPUID_7_1_EAX,
	CRM_CPUID_WORDS
};

/* The CR4 bits that CPUID tells of (a leaf that does not exist: 0). */
u64 crm_cr4_by_cpuid(const u32 words[CRM_CPUID_WORDS]);

/* From IA32_VMX_CRn_FIXED0 and FIXED1 (Intel SDM vol. 3D, A.7 and A.8). PE and PG are exempt only
 * with unrestricted guest. */
struct crm_limits crm_vmx_limits(enum crm_name name, u64 fixed0, u64 fixed1, bool unrestricted);

/* The bits that a hypervisor has to own: those the hardware forces to 1, and those that the CPU
 * would let the guest set though they do not exist for it. */
u64 crm_minimum(const struct crm_cpu *cpu, enum crm_name name);

/* The register with this view and these bits owned; `owned` holds at least the forced bits. */
struct crm_cr crm_make(const struct crm_limits *l, u64 view, u64 owned);

/* SVM: the intercepts that keep the law with this register, and no more. */
struct crm_intercepts crm_svm_intercepts(enum crm_name name, const struct crm_cr *c);

#endif
