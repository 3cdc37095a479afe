/* SPDX-License-Identifier: MIT */
#include "core/slat_tables.h"

#include "core/page.h"
#include "lib/string.h"

struct slat_tables slat;

/* Is a page in [base, base + size) trapped? */
static bool any_trapped(u64 base, u64 size)
{
	for (u32 i = 0; i < slat.traps; i++)
		if (overlaps(base, size, slat.trapped[i], PAGE_SIZE))
			return true;
	return false;
}

static bool any_read_only(u64 base, u64 size)
{
	for (u32 i = 0; i < slat.read_onlys; i++)
		if (overlaps(base, size, slat.read_only[i], PAGE_SIZE))
			return true;
	return false;
}

bool slat_is_write_protected(u64 gpa)
{
	return any_read_only(gpa, 1);
}

/* A leaf of this level may map all of it: rights are alike, and the CPU has such leaves. */
static bool leaf_fits(u64 base, u32 level)
{
	u64 size = span(level);

	if (level == 1)
		return true;
	if (level > 3 || (level == 3 && !slat.f->has_1g))
		return false;
	return !overlaps(base, size, slat.hidden_base, slat.hidden_size) &&
	       !any_trapped(base, size) && !any_read_only(base, size) &&
	       slat_refused_alike(base, size);
}

static u64 leaf(u64 base, u32 level, u8 type)
{
	u32 perms = RWX;

	if (overlaps(base, span(level), slat.hidden_base, slat.hidden_size))
		perms = 0;
	else if (level == 1 && (any_trapped(base, PAGE_SIZE) || any_read_only(base, PAGE_SIZE)))
		perms = SLAT_READ | SLAT_EXEC;
	perms &= ~slat_refused_in(base); /* a larger leaf's pages are all alike */
	if (!(perms & SLAT_READ))	 /* neither vendor has pages that can only be written */
		perms = 0;
	return slat.f->leaf(HPA(base), perms, type, level);
}

static bool sync(u64 *entry, u64 base, u32 level, const u8 *known);

static bool sync_table(u64 *table, u64 base, u32 level, const u8 *known)
{
	for (u64 i = 0; i < 512; i++)
		if (!sync(&table[i], base + i * span(level), level, known))
			return false;
	return true;
}

/*
 * Set one entry, splitting it into a table where its range is not all alike; a table stays one.
 * `known`: the memory type of the whole range if the caller knows that it has one.
 */
static bool sync(u64 *entry, u64 base, u32 level, const u8 *known)
{
	u8 type;
	u64 *t;

	if (known)
		type = *known;
	else if (mtrr_type_range(&slat.mtrr, base, span(level), slat.phys_bits, &type))
		known = &type;
	if (is_table(*entry, level))
		return sync_table(lower(*entry), base, level - 1, known);
	if (known && leaf_fits(base, level)) {
		*entry = leaf(base, level, type);
		return true;
	}
	t = page_alloc(1);
	/* no page to split it with: uncached is slow, but never wrong */
	if (!t && leaf_fits(base, level)) {
		*entry = leaf(base, level, MTRR_UC);
		return true;
	}
	/* whole before it is seen: other CPUs may be walking here */
	if (!t || !sync_table(t, base, level - 1, known))
		return false;
	*entry = table(t);
	return true;
}

/* The level 3 entry of an address; its table is made when missing. */
static u64 *gib_entry(u64 gpa)
{
	u64 *e = &slat.root[gpa / span(4) % 512];

	if (!*e) {
		void *t = page_alloc(1);

		if (!t)
			return NULL;
		*e = table(t);
	}
	return &lower(*e)[gpa / PAGE_1G % 512];
}

bool slat_sync(u64 gpa)
{
	u64 *e = gib_entry(gpa);

	return e && sync(e, align_down(gpa, PAGE_1G), 3, NULL);
}

err_t slat_init(const struct slat_format *f, const struct mtrr_state *mtrr, u64 ram_top,
		u32 phys_bits)
{
	u64 top = align_up(ram_top < GiB(4) ? GiB(4) : ram_top, PAGE_1G);

	slat.f = f;
	slat.mtrr = *mtrr;
	slat.phys_bits = phys_bits;
	slat.root = page_alloc(1);
	slat.decoy = page_alloc(1);
	if (!slat.root || !slat.decoy)
		return "too little memory for the second-level page tables";
	memset(slat.decoy, 0xff, PAGE_SIZE);
	for (u64 gpa = 0; gpa < top; gpa += PAGE_1G)
		if (!slat_sync(gpa))
			return "too little memory for the second-level page tables";
	return OK;
}

hpa_t slat_root(void)
{
	return page_hpa(slat.root);
}

err_t slat_hide(u64 base, u64 size)
{
	slat.hidden_base = base;
	slat.hidden_size = size;
	return slat_sync(base) && slat_sync(base + size - 1)
		       ? OK
		       : "too little memory for the second-level page tables";
}

err_t slat_write_protect(u64 base)
{
	if (slat.read_onlys == SLAT_READ_ONLY)
		return "too many pages to protect";
	slat.read_only[slat.read_onlys++] = base;
	return slat_sync(base) ? OK : "too little memory for the second-level page tables";
}

bool slat_map_missing(u64 gpa)
{
	bool ok;

	if (!in_reach(gpa))
		return false;
	lock();
	ok = slat_sync(gpa);
	spin_unlock(&slat.lock);
	return ok;
}

/* The entry that maps it, of that level. NULL: no memory. */
static u64 *entry_of(u64 gpa, u32 *level)
{
	u64 *e = gib_entry(gpa);

	for (*level = 3; e && is_table(*e, *level); --*level)
		e = &lower(*e)[gpa / span(*level - 1) % 512];
	return e;
}

bool slat_decoy(u64 gpa)
{
	u32 level;
	u64 *e;

	if (!overlaps(gpa, 1, slat.hidden_base, slat.hidden_size))
		return false;
	lock();
	e = entry_of(gpa, &level); /* of level 1 */
	if (e)
		*e = slat.f->leaf(page_hpa(slat.decoy), RWX, MTRR_WB, 1);
	spin_unlock(&slat.lock);
	return e;
}

bool slat_sync_page(u64 gpa)
{
	u32 level;
	u64 *e = entry_of(gpa, &level);

	return e && sync(e, align_down(gpa, span(level)), level, NULL);
}

void slat_trap_writes(u64 base, bool on)
{
	u32 i = 0;

	lock();
	while (i < slat.traps && slat.trapped[i] != base)
		i++;
	if (i < slat.traps && !on)
		slat.trapped[i] = slat.trapped[--slat.traps];
	else if (i == slat.traps && on && i < SLAT_TRAPS)
		slat.trapped[slat.traps++] = base;
	slat_sync_page(base);
	spin_unlock(&slat.lock);
}

void slat_set_mtrr(const struct mtrr_state *mtrr)
{
	lock();
	if (memcmp(&slat.mtrr, mtrr, sizeof(*mtrr))) {
		slat.mtrr = *mtrr;
		for (u64 i = 0; i < 512; i++)
			for (u64 j = 0; slat.root[i] && j < 512; j++)
				if (lower(slat.root[i])[j])
					sync(&lower(slat.root[i])[j], i * span(4) + j * PAGE_1G, 3,
					     NULL);
	}
	spin_unlock(&slat.lock);
}
