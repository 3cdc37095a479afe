/* SPDX-License-Identifier: MIT */
#include "core/page.h"

#include "core/layout.h"
#include "lib/string.h"
#include "x86/cpuid.h"
#include "x86/insn.h"
#include "x86/paging.h"

static struct {
	u64 base, size; /* of the region; base is where HV_VMA maps to */
	u64 next;	/* offset of the first free page */
	u64 direct_top; /* bytes the direct map covers */
} mem = {.direct_top = GiB(4)};

void page_init(hpa_t base, u64 size, u64 image_size)
{
	mem.base = base.v;
	mem.size = size;
	mem.next = align_up(image_size, PAGE_SIZE);
}

void *phys_ptr(u64 pa)
{
	return (void *)(uintptr_t)(DIRECT_VMA + pa);
}

const void *phys_map(u64 pa, size_t len)
{
	if (pa > mem.direct_top || len > mem.direct_top - pa)
		return NULL;
	return phys_ptr(pa);
}

/* Pages are handed out by their direct-map address, which is the same before and after the move. */
void *page_alloc(u64 n)
{
	void *p;

	if (n > (mem.size - mem.next) / PAGE_SIZE)
		return NULL;
	p = phys_ptr(mem.base + mem.next);
	mem.next += n * PAGE_SIZE;
	memset(p, 0, n * PAGE_SIZE);
	return p;
}

hpa_t page_hpa(const void *p)
{
	u64 va = (uintptr_t)p;

	if (va >= HV_VMA)
		return HPA(va - HV_VMA + mem.base);
	return HPA(va - DIRECT_VMA);
}

u64 page_used(void)
{
	return mem.next;
}

static u64 table_of(u64 *entry)
{
	void *t;

	if (!*entry) {
		t = page_alloc(1);
		if (!t)
			return 0;
		*entry = page_hpa(t).v | PTE_P | PTE_W;
	}
	return *entry & PTE_ADDR;
}

static bool map_direct(u64 *pdpt, u64 top, bool has_1g)
{
	for (u64 gib = 0; gib < top / PAGE_1G; gib++) {
		u64 pa = gib * PAGE_1G;
		u64 pd;

		if (has_1g) {
			pdpt[gib] = pa | PTE_P | PTE_W | PTE_PS;
			continue;
		}
		pd = table_of(&pdpt[gib]);
		if (!pd)
			return false;
		for (u64 i = 0; i < 512; i++)
			((u64 *)phys_ptr(pd))[i] = (pa + i * PAGE_2M) | PTE_P | PTE_W | PTE_PS;
	}
	return true;
}

static bool map_image(u64 *pml4, u64 image, u64 span)
{
	u64 pdpt = table_of(&pml4[511]);
	u64 pd = pdpt ? table_of((u64 *)phys_ptr(pdpt) + 510) : 0;

	if (!pd)
		return false;
	for (u64 off = 0; off < span; off += PAGE_2M)
		((u64 *)phys_ptr(pd))[off / PAGE_2M] = (image + off) | PTE_P | PTE_W | PTE_PS;
	return true;
}

u64 page_tables_build(hpa_t image, u64 image_span, u64 top)
{
	bool has_1g = cpuid(0x80000001, 0).edx & CPUID_80000001_EDX_PAGE_1G;
	u64 *pml4 = page_alloc(1);
	u64 pdpt;

	top = align_up(top < GiB(4) ? GiB(4) : top, PAGE_1G);
	if (top > GiB(512))
		top = GiB(512);
	if (!pml4)
		return 0;
	pdpt = table_of(&pml4[256]);
	if (!pdpt || !map_direct(phys_ptr(pdpt), top, has_1g) ||
	    !map_image(pml4, image.v, image_span))
		return 0;
	pml4[0] = pml4[256];
	mem.direct_top = top;
	return page_hpa(pml4).v;
}
