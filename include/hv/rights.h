/* SPDX-License-Identifier: MIT */
#ifndef HV_RIGHTS_H
#define HV_RIGHTS_H

#include "hv/slat.h"
#include "hv/types.h"
#include "hv/vcpu.h"

/*
 * Rights of the guest's pages, for hypapps; on a CPU that is in an exit. Rights of a page are those
 * that no owner refuses; owners are counted, so that several may refuse the same. An access that is
 * refused is an EXIT_SLAT, which the hypapp must answer: Lamina's own handler has the guest try
 * again. A page without SLAT_READ has no right at all.
 */
/* One owner more (or one less) refuses SLAT_* of the page; all CPUs see it when this returns. A CPU
 * may be made to do what others ask meanwhile, so no lock may be held that those want. False: too
 * many pages (128), too little memory, or Lamina's page; then nothing has changed. */
bool slat_page_refuse(struct vcpu *v, gpa_t page, u32 access, bool on);

/*
 * A map with a state for each page of RAM, for ranges too large for the above; one hypapp's, and on
 * top of what slat_page_refuse refuses. What is not in force yet is not seen by any CPU.
 */
enum page_state {
	PAGE_OPEN,  /* all rights: what is no RAM stays so */
	PAGE_CODE,  /* no SLAT_WRITE */
	PAGE_DATA,  /* no SLAT_EXEC */
	PAGE_GIVEN, /* all rights: it had not */
};

/* Memory for it, in pages: a hypapp's `pages`. Then, in its init: make the map. False: no memory.
 */
u64 slat_map_needs(void);
bool slat_map_init(void);
/* Any CPU; by one at a time. Not in force until slat_map_apply. Fill is for all RAM. */
enum page_state slat_map_get(u64 gpa);
void slat_map_set(u64 gpa, enum page_state s);
void slat_map_fill(enum page_state s);
/* All of it is in force on all CPUs when this returns. On a CPU that is in an exit, without a lock
 * that others may want. False: no memory; it is in force in part. */
bool slat_map_apply(struct vcpu *v);
/* The page of this address is PAGE_GIVEN, in force on this CPU; another may still exit and find it
 * so. On a CPU that is in an exit. False: no memory. */
bool slat_map_give(struct vcpu *v, u64 gpa);

/* This CPU alone has all rights to these pages, two at most, until slat_page_close: to step over an
 * instruction. With `only` it can execute no other page meanwhile. False: no memory; nothing has
 * changed. */
bool slat_page_open(struct vcpu *v, const u64 *page, u32 n, bool only);
void slat_page_close(struct vcpu *v);

#endif
