/* SPDX-License-Identifier: MIT */
#include "tools/lamina_vault.h"

#include <string.h>
#include <sys/mman.h>

#include "tools/lamina_dev.h"

#define PAGE 4096u

extern const unsigned char __start_vault_code[], __stop_vault_code[];

static unsigned int offset_of(uint64_t (*fn)(uint64_t))
{
	return (unsigned int)((uintptr_t)fn - (uintptr_t)__start_vault_code);
}

int vault_prepare(struct lamina_vault *v)
{
	size_t code = (size_t)(__stop_vault_code - __start_vault_code);
	unsigned char *all = mmap(NULL, 2 * VAULT_ALIGN, PROT_READ | PROT_WRITE | PROT_EXEC,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (all == MAP_FAILED || code > VAULT_DATA_AT)
		return 0;
	v->base = (unsigned char *)(((uintptr_t)all + VAULT_ALIGN - 1) &
				    ~(uintptr_t)(VAULT_ALIGN - 1));
	if (madvise(v->base, VAULT_SIZE, MADV_DONTFORK) ||
	    madvise(v->base, VAULT_SIZE, MADV_DONTDUMP) || mlock(v->base, VAULT_SIZE))
		return 0;
	memset(v->base, 0, VAULT_SIZE);
	memcpy(v->base, __start_vault_code, code);
	return 1;
}

int vault_register(struct lamina_vault *v, uint64_t (*const *fn)(uint64_t), unsigned int n)
{
	struct vault_layout l = {.base = (uintptr_t)v->base, .stack = VAULT_ARGS_AT};
	struct lamina_call c = {
		.eax = HC_VAULT_REGISTER,
		.ebx = (uint32_t)(uintptr_t)&l,
		.edx = (uint32_t)((uintptr_t)&l >> 32),
	};

	for (; l.entries < n && n <= VAULT_ENTRIES; l.entries++)
		l.entry[l.entries] = offset_of(fn[l.entries]);
	for (unsigned int at = 0; at < VAULT_SIZE; at += PAGE)
		l.page[at / PAGE] = at < VAULT_DATA_AT	 ? VAULT_CODE
				    : at < VAULT_ARGS_AT ? VAULT_DATA
							 : VAULT_ARGS;
	if (!dev_call(&c) || c.eax)
		return 0;
	v->number = c.ebx;
	return 1;
}

uint64_t vault_call(const struct lamina_vault *v, uint64_t (*fn)(uint64_t), uint64_t argument)
{
	return ((uint64_t(*)(uint64_t))(uintptr_t)(v->base + offset_of(fn)))(argument);
}

int vault_unregister(const struct lamina_vault *v)
{
	struct lamina_call c = {.eax = HC_VAULT_UNREGISTER, .ebx = v->number};

	return dev_call(&c) && !c.eax;
}
