/* SPDX-License-Identifier: MIT */
/*
 * Vaults for a program in the Linux under Lamina (doc/vault.md). A vault's code is position
 * independent, calls nothing outside, uses general registers only, and finds its data by
 * VAULT_DATA_HERE and what is shared by VAULT_ARGS_HERE, never by a pointer that it was given.
 */
#ifndef TOOLS_LAMINA_VAULT_H
#define TOOLS_LAMINA_VAULT_H

#include <stddef.h>
#include <stdint.h>

/* Bytes from the vault's start, which is aligned to VAULT_ALIGN. */
#define VAULT_ALIGN    0x20000u
#define VAULT_DATA_AT  0x4000u
#define VAULT_STACK_AT 0x5000u
#define VAULT_ARGS_AT  0x7000u
#define VAULT_SIZE     0x8000u

#define VAULT_FN __attribute__((section("vault_code"), used, noinline, target("general-regs-only")))

#define VAULT_INLINE static inline __attribute__((always_inline, target("general-regs-only")))

VAULT_INLINE void *vault_here(uintptr_t at)
{
	uintptr_t here;

	__asm__("lea (%%rip), %0" : "=r"(here));
	return (void *)((here & ~(uintptr_t)(VAULT_ALIGN - 1)) + at);
}
#define VAULT_DATA_HERE vault_here(VAULT_DATA_AT)
#define VAULT_ARGS_HERE vault_here(VAULT_ARGS_AT)

struct lamina_vault {
	unsigned char *base;
	unsigned int number;
};

/* Memory for a vault, resident, with the program's section vault_code in it. 0: there is none. */
int vault_prepare(struct lamina_vault *v);
/* Its pages are out of reach from now on, but for the shared one; the functions of vault_code in
 * the list can be called. Needs dev_open. 0: Lamina refuses. */
int vault_register(struct lamina_vault *v, uint64_t (*const *fn)(uint64_t), unsigned int n);
/* Call a function of vault_code in the vault. SIGSEGV: there is no such entry, or it crashed. */
uint64_t vault_call(const struct lamina_vault *v, uint64_t (*fn)(uint64_t), uint64_t argument);
/* Its pages are zeroed, and the program's again. 0: there is no such vault. */
int vault_unregister(const struct lamina_vault *v);

#endif
