/* SPDX-License-Identifier: MIT */
/*
 * What a platform is known to do wrong (doc/cr-platforms.md, doc/platforms.md), so that what is not
 * known fails. The table is quirks.c; each entry says on which platforms it holds, and which steps
 * it takes out.
 */
#ifndef TESTKERNEL_QUIRKS_H
#define TESTKERNEL_QUIRKS_H

#include "testkernel/crprog.h"

enum quirk {
	TCG_CR0_UNCHECKED,
	TCG_CR0_KEEPS_IGNORED,
	TCG_CR3_UNCHECKED,
	TCG_CR4_UNCHECKED,
	TCG_CR8_UNCHECKED,
	TCG_EFER_UNCHECKED,
	TCG_CPL_BEFORE_UD,
	TCG_PDPTE_ACCESSED,
	TCG_MSR_UNCHECKED,
	TCG_MTRR_UNCHECKED,
	TCG_NO_ALIGNMENT_CHECK,
	TCG_NO_INT1,
	TCG_IDT_ERROR_CODE,
	TCG_SS_KEEPS_NO_TRAP,
	TCG_NO_PDPTE_LOADS,
	TCG_NO_LIMIT_CHECK,
	TCG_RESERVED_ABSENT,
	TCG_WALK_HANGS,
	TCG_VMRUN_LOSES_SHADOW,
	TCG_NO_RF,
	TCG_LTR_NULL,
	TCG_WATCH_HANGS,
	TCG_ENDS_ITSELF,
	TCG_LAZY_FLAGS,
	TCG_BIT_TEST_FLAGS,
	TCG_STEP_CLEARS_B,
	BOCHS_APIC_PANICS,
	BOCHS_ENTRY_AC,
	TCG_NO_TASK_TRAP,
	TCG_TASK_FAULT_STACK,
	TCG_LMSW_SELECTIVE,
	TCG_UPPER_HALF,
	TCG_EXIT_LME,
	TCG_EXIT_BEFORE_GP,
	TCG_SKINIT,
	TCG_SVM_V86,
	BOCHS_LMSW_SELECTIVE,
	BOCHS_SELECTIVE_STORED,
	BOCHS_GUEST_PAGED_REAL,
	BOCHS_AMD_TSS16,
	BOCHS_EARLY_LMA,
	BOCHS_VMRUN_CS_L_D,
	BOCHS_VMRUN_CR3,
	BOCHS_VMRUN_LME_PE,
	SVM_NO_PDPTE_LOADS,
	BOCHS_VTX_MSRS,
	BOCHS_SVM_LOSES_TRAP,
	BOCHS_SVM_LOSES_INTR,
	QUIRKS
};

/* Once, by one CPU, before any other function: finds the platform, and notes which quirks it has.
 */
void quirks_init(void);

bool quirk_here(enum quirk q);

/* A write of this MSR could scatter a range of memory, which only QEMU takes: Lamina splits its
 * tables for that, page by page, for longer than a test should take. */
bool quirk_scatters(u32 msr);

/* For a check that what the manual says does not hold: it does what this quirk says, exactly that,
 * and the platform has it. Counted. */
bool quirk_took(enum quirk q, bool deviation);

/* For a MOV of that value to CR0 or CR4 (cr 0 or 4) that has to be #GP. Would the machine not
 * survive that it is none? Or ended it with that vector, and the register is what the platform
 * makes of it?
 */
bool quirk_fatal_cr(u32 cr, u64 value);
bool quirk_took_cr(u32 cr, u64 value, u32 vector);

/* At the end of a case: notes which quirks it met, and how often. */
void quirks_note(void);

/* A quirk here is about this step, carried out on that CPU and due to raise that vector. */
bool quirk_excludes(const struct crm_cpu *cpu, const struct crp_step *s, u8 due);

/* The same for an access of a guest of this kernel, which is due to end so. */
bool quirk_excludes_in_guest(const struct crm_cpu *cpu, const struct crm_insn *i,
			     const struct crm_result *due);

/* The access of a guest exits here, though its value is due to be #GP before that. */
bool quirk_exits_first(const struct crm_cpu *cpu, const struct crm_insn *i,
		       const struct crm_result *due);

/* Bits that the platform itself sets in PDPTEs in memory. */
u64 quirk_pdpte_bits(void);

#endif
