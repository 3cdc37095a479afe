/* SPDX-License-Identifier: MIT */
/*
 * Lamina's memory: one region, taken once, given out page by page and never returned. Bring-up
 * only, but for the few pages that second-level tables may still need (slat.c, under its lock).
 */
#ifndef CORE_PAGE_H
#define CORE_PAGE_H

#include "hv/types.h"

/* The region [base, base + size) now holds the image (image_size bytes) at its start. */
void page_init(hpa_t base, u64 size, u64 image_size);

/* n zeroed pages in a row; NULL when the region is used up. */
void *page_alloc(u64 n);

/* Physical address of an object in the image or in pages of page_alloc. */
hpa_t page_hpa(const void *p);

/* All of physical memory that the direct map covers. */
void *phys_ptr(u64 pa);
/* NULL where [pa, pa + len) is not covered by the direct map; usable as a phys_map_fn. */
const void *phys_map(u64 pa, size_t len);

/* Bytes of the region in use. */
u64 page_used(void);

/* The tables that map Lamina: built in the region for the image at `image`. Covers RAM up to `top`
 * bytes and the first 4 GiB. Physical address of the root; 0: too little memory. */
u64 page_tables_build(hpa_t image, u64 image_span, u64 top);

#endif
