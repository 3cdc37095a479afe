/* SPDX-License-Identifier: MIT */
/*
 * Whose fault is it? The judgement of one access to CR0 or CR4 by the law of doc/cr-model.md, from
 * what is known of it: in the hypervisor all but what the guest read before, in a log sometimes
 * little. Pure functions, hosted and freestanding, callable anywhere.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include "crmodel/crm.h"
#include "lib/insn.h"

enum verdict { V_OK, V_GUEST, V_PLATFORM, V_LAMINA, V_UNDECIDED, V_COUNT };

/* What is known of an access */
#define HAS_VALUE  BIT(0) /* what the guest wrote */
#define HAS_HW	   BIT(1)
#define HAS_OWNED  BIT(2)
#define HAS_SHADOW BIT(3)
#define HAS_READ   BIT(4) /* what the guest had read before */
#define HAS_CODE   BIT(5) /* from which bits its code can have made the value */
#define HAS_CPU	   BIT(6)
#define HAS_RIP	   BIT(7)

struct access {
	u64 has;
	u32 line; /* where the log begins to speak of it */
	u32 cpu, cs;
	u64 rip;
	enum crm_op op;
	enum crm_name cr;
	u64 value, hw, owned, shadow, read;
	u64 sets, clears;  /* bits that the code between read and write sets, and clears */
	bool from_lamina;  /* a line of Lamina's own, or Lamina itself, with */
	bool unexpected;   /* its model's word that there should be no exit */
	bool accepted;	   /* its answer: the write is done, else #GP */
	u64 after;	   /* and then: what the guest reads now */
	bool shadow_moved; /* owned bits changed since the exit before this one, without an exit */
	u64 hw_moved;	   /* owned bits of the real value that changed since Lamina set it */
	u64 shown;	   /* hidden bits that the guest is to see, as quirk=show wants */
};

/* What is known of the machine */
struct machine_facts {
	bool amd;
	bool emulator;		 /* it is one */
	bool l0;		 /* there is a hypervisor below Lamina */
	bool l0_user, l0_kernel; /* who of it loads registers behind Lamina's back */
	u64 leaks[CRM_CRS];	 /* bits that were shown, by the probe or an earlier verdict */
	bool breaks_l2;		 /* exits too many or too few, by the probe */
};

struct judgement {
	enum verdict verdict;
	u64 bits;	    /* those that it is about */
	char evidence[200]; /* one line */
	const char *need;   /* V_UNDECIDED: what would decide it */
};

/* Is there anything for judge() to judge in an exit of Lamina's own? False: it is V_OK. Quick. */
bool is_odd(const struct access *a);

/* Whose fault is this access, in this machine? */
void judge(const struct access *a, const struct machine_facts *m, struct judgement *out);

/* "platform: L0" and the like. */
const char *verdict_name(enum verdict v, const struct machine_facts *m);

/* The names of bits, as "PSE+VMXE", in buf, cut to its size. */
const char *bit_names(enum crm_name cr, u64 bits, char *buf, size_t size);

/* The bits of a written value that follow the real register and not what the guest is shown. */
u64 followed_bits(const struct access *a);

#define CODE_BYTES 64u /* as much code before a write as is of use */

/*
 * The n bytes of code of this mode end where a MOV to CR (a->cr) from general register gpr (numbers
 * as in lib/insn.h) starts. If they read the same register (MOV from CR) into gpr and change it by
 * constants only, a->sets and a->clears say by which, and HAS_CODE is set.
 */
void judge_code(struct access *a, const u8 *bytes, size_t n, enum insn_mode mode, u8 gpr);

#endif
