/* SPDX-License-Identifier: MIT */
/* How pure parsers reach physical memory: the hypervisor gives its direct map, a test a fake. */
#ifndef LIB_PHYS_MAP_H
#define LIB_PHYS_MAP_H

#include "hv/types.h"

/* A pointer to len bytes at physical address pa, valid while the caller's parser runs; NULL: not
 * there. */
typedef const void *(*phys_map_fn)(u64 pa, size_t len);

#endif
