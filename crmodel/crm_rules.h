/* SPDX-License-Identifier: MIT */
/* What the parts of the model share: the rules of the bare machine. */
#ifndef CRM_RULES_H
#define CRM_RULES_H

#include "crmodel/crm.h"

/* The rules want the values that the CPU acts on: the guest's view, or the real ones. */
struct crm_regs {
	u64 cr[CRM_CRS];
};

/* The register that the instruction reads or writes, of the two modelled ones. */
enum crm_name crm_target(const struct crm_insn *i);
bool crm_is_read(const struct crm_insn *i);

/* #UD and the faults that depend on the privilege level only: they come before any exit. */
enum crm_verdict crm_decode(const struct crm_cpu *cpu, const struct crm_regs *r,
			    const struct crm_insn *i);

/* What the instruction makes of a register that is `old`, before any bit is found reserved. */
u64 crm_proposed(const struct crm_cpu *cpu, const struct crm_insn *i, u64 old);

/* Bits that are stored whatever was proposed. */
u64 crm_stored(enum crm_name name, u64 proposed);

/* CR0, CR4: OK or #GP for `proposed`, with the other registers as in `r`. */
enum crm_verdict crm_judge(const struct crm_cpu *cpu, const struct crm_regs *r, enum crm_name name,
			   u64 proposed);

/* What goes with the change of the register from its value in `r` to `stored`. */
u64 crm_effects(const struct crm_cpu *cpu, const struct crm_regs *r, enum crm_name name,
		u64 stored);

/* MOV to or from CR2, CR3 and CR8, which no exit of the model concerns. */
struct crm_result crm_other(const struct crm_cpu *cpu, const struct crm_regs *r,
			    const struct crm_insn *i);

#endif
