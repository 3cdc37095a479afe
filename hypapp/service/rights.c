/* SPDX-License-Identifier: MIT */
#include "hypapp/service/rights.h"

#include "core/slat_tables.h"

static struct {
	struct {
		u64 page;
		u16 owners[3]; /* of what is refused: reads, writes, execution */
	} refused[SLAT_REFUSED_MAX];
	u32 refusals; /* entries above that have been used */
} rights;

/* SLAT_* that hypapps refuse in this entry. */
static u32 refused(u32 i)
{
	const u16 *n = rights.refused[i].owners;

	return (n[0] ? SLAT_READ : 0) | (n[1] ? SLAT_WRITE : 0) | (n[2] ? SLAT_EXEC : 0);
}

u32 slat_refused_in(u64 base, u64 size)
{
	u32 access = 0;

	for (u32 i = 0; i < rights.refusals; i++)
		if (rights.refused[i].page - base < size)
			access |= refused(i);
	return access;
}

/* The page's entry among the refused ones, or a free one. */
static u32 refusal_of(u64 page)
{
	u32 free = rights.refusals;

	for (u32 i = 0; i < rights.refusals; i++) {
		if (rights.refused[i].page == page && refused(i))
			return i;
		if (!refused(i))
			free = i;
	}
	return free;
}

bool slat_refuse(u64 page, u32 access, bool on)
{
	bool ok = false;
	u32 i;

	if (!in_reach(page) || overlaps(page, 1, slat.hidden_base, slat.hidden_size))
		return false;
	lock();
	i = refusal_of(page);
	if (i < SLAT_REFUSED_MAX) {
		rights.refusals = i == rights.refusals ? i + 1 : rights.refusals;
		rights.refused[i].page = page;
		for (u32 k = 0; k < 3; k++)
			rights.refused[i].owners[k] += access & BIT(k) ? (on ? 1 : -1) : 0;
		ok = slat_sync(page);
		for (u32 k = 0; k < 3 && !ok && on; k++)
			rights.refused[i].owners[k] -= access >> k & 1;
	}
	spin_unlock(&slat.lock);
	return ok;
}

static bool is_own(const struct slat_view *w, const u64 *table)
{
	for (u32 i = 1; i < w->used; i++)
		if (table == w->table[i])
			return true;
	return false;
}

/* The view's next table: a copy, without the right to execute if only its pages have it. */
static u64 *own_copy(struct slat_view *w, const u64 *table)
{
	u64 *copy = w->table[w->used++];

	for (u32 i = 0; i < 512; i++)
		copy[i] = w->only ? slat.f->no_exec(table[i]) : table[i];
	return copy;
}

/* All rights for a page, by way of tables that are the view's own. */
static void open_page(struct slat_view *w, u64 page)
{
	u64 root = table(slat.root);
	u64 *t = w->table[0], *from = &root;
	u8 type;

	for (u32 level = 4; level > 1; level--) {
		u64 *e = &t[page / span(level) % 512];

		from = &lower(*from)[page / span(level) % 512];
		if (!is_table(*from, level)) { /* a larger page, refused by nobody */
			*e = *from;
			return;
		}
		t = lower(*e);
		if (!is_own(w, t)) {
			t = own_copy(w, lower(*from));
			*e = table(t);
		}
	}
	if (mtrr_type_range(&slat.mtrr, page, PAGE_SIZE, slat.phys_bits, &type))
		t[page / PAGE_SIZE % 512] = slat.f->leaf(HPA(page), RWX, type, 1);
}

bool slat_view(struct slat_view *w, const u64 *page, u32 n, bool only, hpa_t *root)
{
	for (u32 i = 0; i < SLAT_VIEW_TABLES; i++) {
		if (!w->table[i])
			w->table[i] = page_alloc(1);
		if (!w->table[i])
			return false;
	}
	lock();
	w->used = 0;
	w->only = only;
	own_copy(w, slat.root);
	for (u32 i = 0; i < n; i++)
		if (in_reach(page[i]))
			open_page(w, page[i]);
	spin_unlock(&slat.lock);
	*root = page_hpa(w->table[0]);
	return true;
}
