/* SPDX-License-Identifier: MIT */
/* The second-level tables from inside: for core/slat.c and hypapp/service/rights.c. Under the lock.
 */
#ifndef CORE_SLAT_TABLES_H
#define CORE_SLAT_TABLES_H

#include "core/page.h"
#include "core/slat.h"
#include "core/this_cpu.h"
#include "lib/spinlock.h"
#include "x86/paging.h"

#define RWX (SLAT_READ | SLAT_WRITE | SLAT_EXEC)

struct slat_tables {
	const struct slat_format *f;
	struct mtrr_state mtrr;
	struct spinlock lock;
	u64 *root;
	u32 phys_bits;
	u64 hidden_base, hidden_size;
	u64 trapped[SLAT_TRAPS];       /* pages whose writes exit */
	u32 traps;		       /* so many of them */
	u64 read_only[SLAT_READ_ONLY]; /* others, for good */
	u32 read_onlys;
	void *decoy;
};

extern struct slat_tables slat;

static inline void lock(void)
{
	spin_lock(&slat.lock, this_cpu());
}

static inline u64 span(u32 level)
{
	return BIT(12 + 9 * (level - 1));
}

static inline bool overlaps(u64 base, u64 size, u64 other, u64 other_size)
{
	return other_size && base < other + other_size && other < base + size;
}

static inline u64 table(const void *lower)
{
	return page_hpa(lower).v | RWX;
}

static inline bool is_table(u64 entry, u32 level)
{
	return level > 1 && (entry & RWX) && !(entry & PTE_PS);
}

static inline u64 *lower(u64 entry)
{
	return phys_ptr(entry & PTE_ADDR);
}

/* Only addresses below the tables' four levels exist. */
static inline bool in_reach(u64 gpa)
{
	return gpa < BIT(slat.phys_bits < 48 ? slat.phys_bits : 48);
}

/* Make the entries of this GiB what they should be. False: no memory. */
bool slat_sync(u64 gpa);
/* The same for the one entry that maps this page: quick. */
bool slat_sync_page(u64 gpa);

/* rights.c: SLAT_* that hypapps refuse of this page; do they refuse the same of all pages there? */
u32 slat_refused_in(u64 page);
extern bool slat_closes; /* of some page all were refused, at some time */
bool slat_refused_alike(u64 base, u64 size);

#endif
