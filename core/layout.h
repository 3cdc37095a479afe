/* SPDX-License-Identifier: MIT */
/*
 * Lamina's own address space. GRUB loads the image at LOAD_PA; it then moves itself to the start of
 * the region it takes from the guest. Both times it runs at HV_VMA. All RAM is mapped at
 * DIRECT_VMA, and the first 4 GiB also one to one, for the moments without paging.
 */
#ifndef CORE_LAYOUT_H
#define CORE_LAYOUT_H

#define HV_VMA	   0xffffffff80000000
#define DIRECT_VMA 0xffff800000000000
#define LOAD_PA	   0x200000

#endif
