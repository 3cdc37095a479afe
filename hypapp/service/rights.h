/* SPDX-License-Identifier: MIT */
/* Rights of single pages in the second-level tables. */
#ifndef SERVICE_RIGHTS_H
#define SERVICE_RIGHTS_H

#include "hv/types.h"

/* One owner more refuses the guest this access (SLAT_*) to the 4 KiB page, or one less; what no
 * owner refuses any more it has again. False: too many pages, no memory, or no page of the guest's,
 * and nothing has changed. Any CPU; the caller flushes. */
#define SLAT_REFUSED_MAX 128
bool slat_refuse(u64 page, u32 access, bool on);

/* The map's pages (hv/rights.h). Memory for one of RAM up to ram_top, in pages, and make it, with
 * all PAGE_OPEN; once, at bring-up. False: no memory. */
u64 slat_map_memory(u64 ram_top);
bool slat_map_make(u64 ram_top);
/* What the map says is so in the tables; or: this page is PAGE_GIVEN there too. False: no memory.
 * The caller flushes. */
bool slat_map_sync(void);
bool slat_map_give_page(u64 gpa);

/* Tables of one CPU's own in which n pages, at most two, have all rights, and if `only` no other
 * page can be executed. False: no memory for them. On that CPU, which flushes. */
#define SLAT_VIEW_TABLES 7
struct slat_view {
	u64 *table[SLAT_VIEW_TABLES]; /* the root, and those on the way to the pages */
	u32 used;
	bool only;
};
bool slat_view(struct slat_view *w, const u64 *page, u32 n, bool only, hpa_t *root);

#endif
