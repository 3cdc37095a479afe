/* SPDX-License-Identifier: MIT */
#include "hypapp/service/rights.h"

#include "core/slat_tables.h"
#include "hv/rights.h"

static struct {
	struct {
		u64 page;
		u16 owners[3]; /* of what is refused: reads, writes, execution */
	} refused[SLAT_REFUSED_MAX];
	u32 refusals; /* entries above that have been used */
	u8 *map;      /* of enum page_state, four a byte */
	u64 map_top;  /* physical address where it ends, a multiple of 1 GiB */
} rights;

/* SLAT_* that hypapps refuse in this entry. */
static u32 refused(u32 i)
{
	const u16 *n = rights.refused[i].owners;

	return (n[0] ? SLAT_READ : 0) | (n[1] ? SLAT_WRITE : 0) | (n[2] ? SLAT_EXEC : 0);
}

/* Of the map: SLAT_* that each state refuses. */
static const u8 state_refuses[] = {
	[PAGE_OPEN] = 0,
	[PAGE_CODE] = SLAT_WRITE,
	[PAGE_DATA] = SLAT_EXEC,
	[PAGE_GIVEN] = 0,
};

#define STATES_PER_BYTE	 4
#define STATE_SHIFT(gpa) ((gpa) / PAGE_SIZE % STATES_PER_BYTE * 2)

static u8 *states_at(u64 gpa)
{
	return &rights.map[gpa / PAGE_SIZE / STATES_PER_BYTE];
}

u64 slat_map_memory(u64 ram_top)
{
	u64 top = align_up(ram_top, PAGE_1G);

	/* the map; and tables, if each 2 MiB of RAM has pages that differ */
	return top / PAGE_SIZE / STATES_PER_BYTE / PAGE_SIZE + ram_top / PAGE_2M + top / PAGE_1G;
}

bool slat_map_make(u64 ram_top)
{
	u64 top = align_up(ram_top, PAGE_1G);

	rights.map = page_alloc(top / PAGE_SIZE / STATES_PER_BYTE / PAGE_SIZE);
	rights.map_top = rights.map ? top : 0;
	return rights.map;
}

enum page_state slat_map_get(u64 gpa)
{
	return gpa < rights.map_top ? *states_at(gpa) >> STATE_SHIFT(gpa) & 3 : PAGE_OPEN;
}

void slat_map_set(u64 gpa, enum page_state s)
{
	if (gpa < rights.map_top)
		*states_at(gpa) = (u8)((*states_at(gpa) & ~(3u << STATE_SHIFT(gpa))) |
				       (u32)s << STATE_SHIFT(gpa));
}

bool slat_map_sync(void)
{
	bool ok = true;

	lock();
	for (u64 gpa = 0; gpa < rights.map_top; gpa += PAGE_1G)
		ok &= slat_sync(gpa);
	spin_unlock(&slat.lock);
	return ok;
}

bool slat_map_give_page(u64 gpa)
{
	bool ok;

	lock();
	slat_map_set(gpa, PAGE_GIVEN);
	ok = slat_sync_page(gpa);
	spin_unlock(&slat.lock);
	return ok;
}

/* All pages there, 2 MiB or more, are in the same state. */
static bool map_alike(u64 base, u64 size)
{
	const u64 *word, all = slat_map_get(base) * 0x5555555555555555ULL;

	if (base >= rights.map_top)
		return true;
	word = (const u64 *)(const void *)states_at(base);
	for (u64 i = 0; i < size / PAGE_SIZE / STATES_PER_BYTE / sizeof(*word); i++)
		if (word[i] != all)
			return false;
	return true;
}

bool slat_closes;

u32 slat_refused_in(u64 page)
{
	u32 access = state_refuses[slat_map_get(page)];

	for (u32 i = 0; i < rights.refusals; i++)
		if (rights.refused[i].page == page)
			access |= refused(i);
	return access;
}

bool slat_refused_alike(u64 base, u64 size)
{
	for (u32 i = 0; i < rights.refusals; i++)
		if (rights.refused[i].page - base < size && refused(i))
			return false;
	return map_alike(base, size);
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
	slat_closes |= on && (access & SLAT_READ);
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
