/* SPDX-License-Identifier: MIT */
/* Page-table entries of every paging mode (Intel SDM vol. 3A, chapter 4). */
#ifndef X86_PAGING_H
#define X86_PAGING_H

#include "hv/types.h"

#define PTE_P	      BIT(0)
#define PTE_W	      BIT(1)
#define PTE_U	      BIT(2)
#define PTE_PWT	      BIT(3)
#define PTE_PCD	      BIT(4)
#define PTE_A	      BIT(5)
#define PTE_D	      BIT(6)
#define PTE_PS	      BIT(7)
#define PTE_PAT	      BIT(7) /* of a 4 KiB page */
#define PTE_PAT_LARGE BIT(12)
#define PTE_NX	      BIT(63)
#define PTE_ADDR      0x000ffffffffff000ULL

/* Bits that must be 0 in a present PAE page-directory-pointer-table entry, physical width aside
 * (Intel SDM vol. 3A, 4.4.1, table 4-8) */
#define PDPTE_RESERVED 0x1e6ULL

/* Memory types (Intel SDM vol. 3A, 12.11, table 12-8; also EPT, 29.3.7) */
#define MEMTYPE_UC 0
#define MEMTYPE_WB 6

#endif
