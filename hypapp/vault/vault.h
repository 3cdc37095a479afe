/* SPDX-License-Identifier: MIT */
/* A vault: its pages, and who is in it. doc/vault.md. All on a CPU that is in an exit. */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H

#include <stdatomic.h>

#include "hv/exit.h"
#include "hv/hypercall.h"
#include "hv/space.h"
#include "hv/types.h"
#include "hv/vcpu.h"

#define VAULTS_MAX 4

/* What one side sees of the CPU. */
struct vault_side {
	u64 gpr[GPR_COUNT];
	u64 rip, rsp, rflags;
};

struct vault {
	_Atomic u32
		holder; /* index + 1 of the CPU that is in it or at it; 0: none. The rest is its */
	_Atomic u32 used;
	struct vault_layout layout;
	struct space_page page[VAULT_PAGES];
	struct space space;
	u64 cr3;	   /* whose page tables map its pages */
	bool suspended;	   /* a call has been interrupted: `in` goes on where `out` comes back */
	u32 last_cpu;	   /* which did so */
	u64 out_cr3, back; /* of the call: CR3 outside, where it returns to */
	struct vault_side in, out;
};

extern struct vault vaults[VAULTS_MAX];
extern _Atomic u32 vault_refused, vault_wiped, vault_calls;

/* False: another CPU is at it. */
bool vault_hold(struct vcpu *v, struct vault *w);
void vault_drop(struct vault *w);

/* Is page i out of the world's reach? */
static inline bool vault_is_private(const struct vault *w, u32 i)
{
	return w->layout.page[i] == VAULT_CODE || w->layout.page[i] == VAULT_DATA;
}

/* EAX of HC_VAULT_REGISTER; *number: the vault's. */
u32 vault_register(struct vcpu *v, u64 at, u32 *number);
/* Do the tables of who registered it still map its pages? */
bool vault_is_mapped(struct vcpu *v, const struct vault *w);
/* Held: zero what was private, and give it back. */
void vault_release(struct vcpu *v, struct vault *w);
void vault_zero(struct vault *w);

/* visit.c: the vault that v's CPU is in, or NULL. */
struct vault *vault_of(struct vcpu *v);
/* A fetch at an entry has exited, which is in the 64-bit code of a program. */
enum exit_answer vault_enter(struct vcpu *v, struct vault *w);
/* An exit in the vault. */
enum exit_answer vault_inside(struct vcpu *v, const struct exit *x);

#endif
