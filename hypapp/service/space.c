/* SPDX-License-Identifier: MIT */
#include "hv/space.h"

#include "core/core.h"
#include "core/sipi.h"
#include "core/slat_tables.h"
#include "lib/string.h"

#define SLAT_TABLES  4
#define GUEST_TABLES 4
#define FIRST_PAGE                                                                     \
	GUEST_TABLES /* guest-physical page number: behind the guest's level of tables \
		      */
#define LEVEL_ENTRY  (PTE_P | PTE_W | PTE_U | PTE_A)
#define INDEX(at, l) ((at) / span(l) % 512)

bool space_may_hold(u64 gpa)
{
	return in_reach(gpa) && mem_map_is_ram(&machine.boot.map, gpa, PAGE_SIZE) &&
	       !is_ours(gpa, PAGE_SIZE) && align_down(gpa, PAGE_SIZE) != machine.low_base &&
	       !slat_is_write_protected(gpa) && !sipi_owns_page(gpa) &&
	       !slat_refused_in(align_down(gpa, PAGE_SIZE));
}

static bool alloc_tables(struct space *s)
{
	bool ok = true;

	lock();
	for (u32 i = 0; i < ARRAY_SIZE(s->table); i++) {
		s->table[i] = s->table[i] ? s->table[i] : page_alloc(1);
		ok = ok && s->table[i];
	}
	spin_unlock(&slat.lock);
	return ok;
}

/* Tables of both levels have four steps; each but the last holds one entry on the way down. */
static void chain(u64 *const *t, u64 at, const u64 *entry)
{
	for (u32 level = 4; level > 1; level--)
		t[4 - level][INDEX(at, level)] = entry[4 - level];
}

bool space_build(struct space *s, u64 base, const struct space_page *page, u32 n)
{
	u64 **own = s->table, **guest = s->table + SLAT_TABLES, down[3];

	if (!alloc_tables(s))
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(s->table); i++)
		memset(s->table[i], 0, PAGE_SIZE);
	for (u32 i = 0; i < 3; i++)
		down[i] = table(own[i + 1]);
	chain(own, 0, down);
	for (u32 i = 0; i < 3; i++)
		down[i] = (u64)(i + 1) * PAGE_SIZE | LEVEL_ENTRY;
	chain(guest, base, down);
	for (u32 i = 0; i < GUEST_TABLES; i++) /* the CPU sets accessed bits there */
		own[3][i] = slat.f->leaf(page_hpa(guest[i]), SLAT_READ | SLAT_WRITE, MTRR_WB, 1);
	for (u32 i = 0; i < n; i++) {
		u64 at = FIRST_PAGE + i;

		if (!page[i].gpa)
			continue;
		own[3][at] = slat.f->leaf(HPA(page[i].gpa), page[i].access, MTRR_WB, 1);
		guest[3][INDEX(base, 1) + i] = at * PAGE_SIZE | PTE_P | PTE_U | PTE_A | PTE_D |
					       (page[i].access & SLAT_WRITE ? PTE_W : 0) |
					       (page[i].access & SLAT_EXEC ? 0 : PTE_NX);
	}
	return true;
}

static void go(struct vcpu *v, hpa_t root, u64 cr3)
{
	backend->slat_root(v, root);
	backend->state_set(v, REG_CR3, cr3);
	backend->tlb_flush(v, true);
}

void space_enter(struct vcpu *v, const struct space *s)
{
	go(v, page_hpa(s->table[0]), 0);
}

void space_leave(struct vcpu *v, u64 cr3)
{
	go(v, slat_root(), cr3);
}

void space_wipe(u64 gpa)
{
	memset(phys_ptr(gpa), 0, PAGE_SIZE);
}

void space_put(u64 gpa, u64 value)
{
	memcpy(phys_ptr(gpa), &value, sizeof(value));
}
