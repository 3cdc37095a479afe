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
 * many pages (64), too little memory, or Lamina's page; then nothing has changed. */
bool slat_page_refuse(struct vcpu *v, gpa_t page, u32 access, bool on);

/* This CPU alone has all rights to these pages, two at most, until slat_page_close: to step over an
 * instruction. With `only` it can execute no other page meanwhile. False: no memory; nothing has
 * changed. */
bool slat_page_open(struct vcpu *v, const u64 *page, u32 n, bool only);
void slat_page_close(struct vcpu *v);

#endif
