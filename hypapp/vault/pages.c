/* SPDX-License-Identifier: MIT */
/* Which pages are a vault's, from its registration to its end. */
#include "hv/gmem.h"
#include "hv/hypapp.h"
#include "hv/rights.h"
#include "hypapp/vault/vault.h"
#include "lib/string.h"

#define ALL	 (SLAT_READ | SLAT_WRITE | SLAT_EXEC)
#define USER_END BIT(47)
#define BYTES	 ((u64)VAULT_PAGES * PAGE_SIZE)

struct vault vaults[VAULTS_MAX];
static _Atomic u32 registering;

bool vault_hold(struct vcpu *v, struct vault *w)
{
	u32 none = 0;

	return atomic_compare_exchange_strong(&w->holder, &none, v->index + 1);
}

void vault_drop(struct vault *w)
{
	atomic_store(&w->holder, 0);
}

static bool entries_are_code(const struct vault_layout *l)
{
	for (u32 i = 0; i < l->entries; i++)
		if (l->entry[i] >= BYTES || l->page[l->entry[i] / PAGE_SIZE] != VAULT_CODE)
			return false;
	return true;
}

static bool is_sane(const struct vault_layout *l)
{
	return l->base % PAGE_SIZE == 0 && l->base < USER_END - MiB(2) &&
	       l->base % MiB(2) + BYTES <= MiB(2) &&
	       (VAULT_RETURN < l->base || VAULT_RETURN >= l->base + BYTES) && l->entries &&
	       l->entries <= VAULT_ENTRIES && entries_are_code(l) && l->stack % 16 == 0 &&
	       l->stack && l->stack <= BYTES && l->page[(l->stack - 8) / PAGE_SIZE] == VAULT_DATA;
}

/* No page is in two vaults, or twice in one: one that is shared in the first would be a way into
 * the second. */
static bool is_taken(u64 gpa)
{
	for (u32 k = 0; k < VAULTS_MAX; k++)
		for (u32 i = 0; i < VAULT_PAGES; i++)
			if (vaults[k].page[i].gpa == gpa)
				return true;
	return false;
}

static bool take_page(struct vcpu *v, struct vault *w, u32 i)
{
	static const u32 access[] = {
		[VAULT_CODE] = SLAT_READ | SLAT_EXEC,
		[VAULT_DATA] = SLAT_READ | SLAT_WRITE,
		[VAULT_ARGS] = SLAT_READ | SLAT_WRITE,
	};
	u32 kind = w->layout.page[i];
	u64 gpa;

	if (kind == VAULT_NONE)
		return true;
	if (kind > VAULT_ARGS || !gmem_walk(v, w->layout.base + i * PAGE_SIZE, &gpa) ||
	    !space_may_hold(gpa) || is_taken(gpa))
		return false;
	if (vault_is_private(w, i) && !slat_page_refuse(v, GPA(gpa), ALL, true))
		return false;
	w->page[i] = (struct space_page){gpa, access[kind]};
	return true;
}

void vault_zero(struct vault *w)
{
	for (u32 i = 0; i < VAULT_PAGES; i++)
		if (w->page[i].gpa && vault_is_private(w, i))
			space_wipe(w->page[i].gpa);
	memset(&w->in, 0, sizeof(w->in));
}

static void give_back(struct vcpu *v, struct vault *w)
{
	vault_zero(w);
	for (u32 i = 0; i < VAULT_PAGES; i++)
		if (w->page[i].gpa && vault_is_private(w, i))
			slat_page_refuse(v, GPA(w->page[i].gpa), ALL, false);
	memset(w->page, 0, sizeof(w->page));
	w->suspended = false;
}

void vault_release(struct vcpu *v, struct vault *w)
{
	atomic_fetch_add(&vault_wiped, 1);
	trace_event(v, TRACE_VAULT, 2, (u64)(w - vaults), 0, 0);
	give_back(v, w);
	atomic_store(&w->used, 0);
}

static bool take(struct vcpu *v, struct vault *w)
{
	for (u32 i = 0; i < VAULT_PAGES; i++)
		if (!take_page(v, w, i))
			return false;
	return space_build(&w->space, w->layout.base, w->page, VAULT_PAGES);
}

/* A free one, held. */
static struct vault *free_vault(struct vcpu *v)
{
	for (u32 i = 0; i < VAULTS_MAX; i++)
		if (!atomic_load(&vaults[i].used) && vault_hold(v, &vaults[i])) {
			if (!atomic_load(&vaults[i].used))
				return &vaults[i];
			vault_drop(&vaults[i]);
		}
	return NULL;
}

static bool make(struct vcpu *v, u64 at, u32 *number)
{
	struct vault *w = free_vault(v);
	bool ok;

	if (!w)
		return false;
	ok = gmem_read(v, at, &w->layout, sizeof(w->layout)) == sizeof(w->layout) &&
	     is_sane(&w->layout) && take(v, w);
	if (ok) {
		w->cr3 = backend->state_get(v, REG_CR3);
		*number = (u32)(w - vaults);
		atomic_store(&w->used, 1);
		trace_event(v, TRACE_VAULT, 1, *number, w->layout.base, w->cr3);
		reset_guard();
		hypapp_want(~0u);
	} else {
		give_back(v, w);
	}
	vault_drop(w);
	return ok;
}

u32 vault_register(struct vcpu *v, u64 at, u32 *number)
{
	bool ok;

	if (atomic_exchange(&registering, 1))
		return HC_EBUSY;
	ok = make(v, at, number);
	atomic_store(&registering, 0);
	return ok ? 0 : HC_ERANGE;
}

bool vault_is_mapped(struct vcpu *v, const struct vault *w)
{
	u64 cr3 = backend->state_get(v, REG_CR3), gpa;
	bool ok = true;

	backend->state_set(v, REG_CR3, w->cr3);
	for (u32 i = 0; i < VAULT_PAGES && ok; i++)
		if (vault_is_private(w, i))
			ok = gmem_walk(v, w->layout.base + i * PAGE_SIZE, &gpa) &&
			     gpa == w->page[i].gpa;
	backend->state_set(v, REG_CR3, cr3);
	return ok;
}
