/* SPDX-License-Identifier: MIT */
/* Rights of single pages in the second-level tables. */
#ifndef SERVICE_RIGHTS_H
#define SERVICE_RIGHTS_H

#include "hv/types.h"

/* One owner more refuses the guest this access (SLAT_*) to the 4 KiB page, or one less; what no
 * owner refuses any more it has again. False: too many pages, no memory, or no page of the guest's,
 * and nothing has changed. Any CPU; the caller flushes. */
#define SLAT_REFUSED_MAX 64
bool slat_refuse(u64 page, u32 access, bool on);

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
