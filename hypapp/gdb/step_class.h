/* SPDX-License-Identifier: MIT */
/* Which instructions need care when the hypervisor single-steps the guest by TF: those that show
 * RFLAGS to the guest, load it, or are not followed by a trap. Pure. */
#ifndef GDB_STEP_CLASS_H
#define GDB_STEP_CLASS_H

#include "hv/types.h"
#include "lib/insn.h"

enum step_class {
	STEP_PLAIN,
	STEP_PUSHF,
	STEP_POPF,
	STEP_IRET,
	STEP_INT3,
	STEP_INT_N,
	STEP_INTO,
	STEP_INT1,
	STEP_HLT,
	STEP_LOADS_SS, /* MOV SS, POP SS: no trap behind it, but behind the next one */
	STEP_CLI,
	STEP_STI,
	STEP_SYSCALL,
	STEP_SYSRET,
	STEP_SYSENTER, /* clears IF */
	STEP_STRING,   /* with a REP prefix: a trap behind every turn */
	STEP_MOV_DR,
};

/* The instruction at b, of which n bytes can be read. What cannot be decoded is STEP_PLAIN. */
enum step_class step_classify(const u8 *b, size_t n, enum insn_mode mode);

#endif
