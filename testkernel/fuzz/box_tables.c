/* SPDX-License-Identifier: MIT */
#include "testkernel/fuzz/box_tables.h"
#include "testkernel/layout.h"
#include "x86/paging.h"

#define KERNEL_BASE MiB(2)
#define LINK	    (PTE_U | PTE_W | PTE_P)
#define DEVICE	    (PTE_PCD | PTE_PWT | PTE_U | PTE_W | PTE_P)

struct tables { /* 32-bit paging has other sizes, so it has tables of its own */
	u64 pml4[512], pdpt[512], pd[512], pt[512];
	u64 kernel_pt[3][512], window_pd[512], window_pt[512], lapic_pd[512], lapic_pt[512];
	u32 pd32[1024], pt32[2][1024], window_pt32[1024], lapic_pt32[1024];
	u64 pae_pdpt[4] __attribute__((aligned(4096)));
	u64 arena;
} __attribute__((aligned(4096)));

static struct tables tables[BOX_CPUS];

static const struct {
	u32 offset;
	u64 flags;	  /* less PTE_U of a kernel's pages, which PTE_AVAILABLE keeps */
	bool always_user; /* so that SMAP and SMEP show */
} pages[] = {
	{ARENA_DATA, PTE_NX | PTE_W | PTE_P, false},
	{ARENA_DATA + PAGE_SIZE, PTE_NX | PTE_W | PTE_P, true},
	{ARENA_RO, PTE_NX | PTE_P, true},
	{ARENA_CODE, PTE_P, false},
	{ARENA_CODE + PAGE_SIZE, PTE_P, false},
	{ARENA_STACK, PTE_NX | PTE_W | PTE_P, false},
};

void box_tables_init(u32 cpu, u64 arena)
{
	struct tables *t = &tables[cpu];

	t->arena = arena;
	t->pml4[0] = (uintptr_t)t->pdpt | LINK;
	t->pdpt[0] = (uintptr_t)t->pd | LINK;
	t->pdpt[ARENA_HIDDEN >> 30] = (uintptr_t)t->window_pd | LINK;
	t->pdpt[LAPIC_PAGE >> 30] = (uintptr_t)t->lapic_pd | LINK;
	for (u32 i = 0; i < 4; i++)
		t->pae_pdpt[i] = t->pdpt[i] & ~(PTE_U | PTE_W);
	t->pd[0] = (uintptr_t)t->pt | LINK;
	for (u32 i = 0; i < ARRAY_SIZE(t->kernel_pt); i++)
		t->pd[KERNEL_BASE / PAGE_2M + i] = (uintptr_t)t->kernel_pt[i] | LINK;
	t->window_pd[0] = (uintptr_t)t->window_pt | LINK;
	t->lapic_pd[LAPIC_PAGE >> 21 & 511] = (uintptr_t)t->lapic_pt | LINK;
	t->lapic_pt[LAPIC_PAGE >> 12 & 511] = LAPIC_PAGE | DEVICE | PTE_NX;
	t->pd32[0] = (u32)((uintptr_t)t->pt32[0] | LINK);
	t->pd32[1] = (u32)((uintptr_t)t->pt32[1] | LINK);
	t->pd32[ARENA_HIDDEN >> 22] = (u32)((uintptr_t)t->window_pt32 | LINK);
	t->pd32[LAPIC_PAGE >> 22] = (u32)((uintptr_t)t->lapic_pt32 | LINK);
	t->lapic_pt32[LAPIC_PAGE >> 12 & 1023] = (u32)(LAPIC_PAGE | DEVICE);
}

void box_tables_kernel(u32 cpu, const volatile void *start, const volatile void *end, bool writable)
{
	struct tables *t = &tables[cpu];
	u64 at = align_down((uintptr_t)start, PAGE_SIZE);

	for (; at < (uintptr_t)end; at += PAGE_SIZE) {
		u64 e = at | (writable ? PTE_W : 0) | PTE_P;

		t->kernel_pt[(at - KERNEL_BASE) / PAGE_2M][at >> 12 & 511] = e;
		t->pt32[at >> 22][at >> 12 & 1023] = (u32)e;
	}
}

u64 box_cr3(u32 cpu, enum box_paging paging)
{
	const struct tables *t = &tables[cpu];

	switch (paging) {
	case PAGING_LONG: return (uintptr_t)t->pml4;
	case PAGING_PAE: return (uintptr_t)t->pae_pdpt;
	default: return (uintptr_t)t->pd32;
	}
}

void box_tables_user(u32 cpu, enum box_paging paging, bool user)
{
	struct tables *t = &tables[cpu];

	for (u32 i = 0; i < ARRAY_SIZE(pages); i++) {
		u64 at = t->arena + pages[i].offset;
		u64 e = at | pages[i].flags | (user || pages[i].always_user ? PTE_U : 0);

		if (paging == PAGING_32)
			t->pt32[0][at >> 12] = (u32)e;
		else
			t->pt[at >> 12] = e;
	}
}

void box_tables_window(u32 cpu, u32 n, u64 frame)
{
	struct tables *t = &tables[cpu];
	u64 e = frame ? frame | LINK : 0;

	t->window_pt[n] = e;
	t->window_pt32[n] = (u32)e;
}
