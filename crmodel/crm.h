/* SPDX-License-Identifier: MIT */
/*
 * The model of CR0 and CR4 under virtualization: pure functions, no state, hosted and freestanding.
 *
 * Words: `hw` is the register's real value in guest mode, `owned` the guest/host mask, `shadow` the
 * read shadow (Intel SDM vol. 3C, 25.6.6); must1 and must0 are what VMX operation demands of the
 * real value (vol. 3D, A.7 and A.8). Effects are returned, never performed.
 */
#ifndef CRM_H
#define CRM_H

#include "hv/types.h"

struct crm_cr {
	u64 hw, shadow, owned;
};

struct crm_limits {
	u64 must1, must0;
};

/* What else decides whether the CPU accepts a write. All as the guest sees it. */
struct crm_env {
	u64 cr0, cr3, cr4, efer;
	u64 cr4_allowed; /* CR4 bits that exist for this guest */
	bool cs_l;	 /* CS.L: the write is made in 64-bit code */
};

enum crm_verdict { CRM_ACCEPTED, CRM_GP };

#define CRM_TLB_ALL   BIT(0) /* all translations, global ones too */
#define CRM_TLB_PCID  BIT(1) /* those of the current PCID */
#define CRM_LMA_SET   BIT(2) /* EFER.LMA := 1 */
#define CRM_LMA_CLEAR BIT(3) /* EFER.LMA := 0 */
#define CRM_PDPTE     BIT(4) /* reload the four PDPTEs; a bad one turns the verdict into #GP */

struct crm_outcome {
	enum crm_verdict verdict;
	u64 effects; /* CRM_* */
	struct crm_cr next;
};

/* What the guest reads. */
u64 crm_read(const struct crm_cr *c);

/* Does a MOV of `value` to the register exit? */
bool crm_write_exits(const struct crm_cr *c, u64 value);

/* A MOV to the register; `value` is 64 bits wide in 64-bit mode, else 32 bits zero-extended. */
struct crm_outcome crm_write_cr0(const struct crm_cr *c, const struct crm_limits *l,
				 const struct crm_env *e, u64 value);
struct crm_outcome crm_write_cr4(const struct crm_cr *c, const struct crm_limits *l,
				 const struct crm_env *e, u64 value);
/* LMSW loads PE (set only), MP, EM and TS; CLTS clears TS. */
struct crm_outcome crm_lmsw(const struct crm_cr *c, const struct crm_limits *l,
			    const struct crm_env *e, u16 source);
struct crm_outcome crm_clts(const struct crm_cr *c, const struct crm_limits *l,
			    const struct crm_env *e);

/* The four PDPTEs of PAE paging are valid (Intel SDM vol. 3A, 4.4.1). */
bool crm_pdptes_valid(const u64 pdpte[4], u32 phys_bits);

#endif
