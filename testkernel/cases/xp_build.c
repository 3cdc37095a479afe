/* SPDX-License-Identifier: MIT */
/* Where the code of xp_page.S goes, the tables it runs on, and the 32-bit IDT. */
#include "testkernel/cpu.h"
#include "testkernel/mb2.h"
#include "testkernel/tap.h"
#include "testkernel/cases/xp.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "lib/string.h"

#define MAPPED	     0x1000000u /* physical memory that is mapped, from 0 and from XP_HIGH, bytes */
#define LOWEST	     0x100000u	/* memory below is the firmware's, trampolines' and GRUB's */
#define DUE_CR0	     (CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_TS | CR0_MP | CR0_PE)
#define KERNEL_START 0x200000u /* as in testkernel.lds */
#define PTE_RW	     ((u32)(PTE_W | PTE_P))
#define PTE_MMIO     ((u32)(PTE_W | PTE_P) | 0x18u) /* PCD PWT */
#define GATE32	     0x8e00u			    /* present, 32-bit interrupt gate */

_Static_assert(offsetof(struct xp_cpu, rounds) == XC_ROUNDS, "offset");
_Static_assert(offsetof(struct xp_cpu, leave) == XC_LEAVE, "offset");
_Static_assert(offsetof(struct xp_cpu, traps) == XC_TRAPS, "offset");
_Static_assert(offsetof(struct xp_cpu, bad) == XC_BAD, "offset");
_Static_assert(offsetof(struct xp_cpu, fault) == XC_FAULT, "offset");
_Static_assert(offsetof(struct xp_cpu, rsp) == XC_RSP, "offset");
_Static_assert(offsetof(struct xp_cpu, old) == XC_OLD, "offset");
_Static_assert(sizeof(struct xp_bad) == XP_BAD_SIZE, "size");
_Static_assert(sizeof(struct xp_cpu) == XP_CPU_SIZE, "size");

void xp_enter(struct xp_cpu *x, u32 start);

extern const u8 xp_page[], xp_page_end[], xp_exact_cr4[], xp_kernel_end[];
extern const u32 xp_fixups[], xp_fixups_end[];
extern const u8 xp_on_bad[], xp_leave[], xp_nmi[], xp_irq[], xp_wake[], xp_ignore[], xp_db[];
extern const u8 xp_faults[32][16];
extern u64 pd_low[4][512];

struct gate32 {
	u16 offset0, selector, type, offset16;
};

static struct gate32 xp_idt[VEC_COUNT];
static u32 page_base;

/* 32-bit paging: small pages by page tables that PAE has its own kind of, and 4 MiB pages. */
static u32 pd_small[1024] __attribute__((aligned(4096)));
static u32 pd_large[1024] __attribute__((aligned(4096)));
static u32 pt[MAPPED >> 12] __attribute__((aligned(4096)));
static u32 pt_lapic[1024] __attribute__((aligned(4096)));
/* PAE paging; the large pages are those of the kernel's own tables */
static u64 pae_pdpt[2][4] __attribute__((aligned(32)));
static u64 pae_pd[512] __attribute__((aligned(4096)));
static u64 pae_pt[MAPPED >> 12] __attribute__((aligned(4096)));

static u32 address(const volatile void *p)
{
	return (u32)(uintptr_t)p;
}

static void build_tables(void)
{
	for (u32 i = 0; i < MAPPED >> 12; i++) {
		pt[i] = i << 12 | PTE_RW;
		pae_pt[i] = i << 12 | PTE_RW;
	}
	for (u32 i = 0; i < MAPPED >> 22; i++) {
		pd_small[i] = pd_small[(XP_HIGH >> 22) + i] = address(&pt[i << 10]) | PTE_RW;
		pd_large[i] = pd_large[(XP_HIGH >> 22) + i] = i << 22 | (u32)PTE_PS | PTE_RW;
	}
	pt_lapic[LAPIC_PAGE >> 12 & 1023] = LAPIC_PAGE | PTE_MMIO;
	pd_small[LAPIC_PAGE >> 22] = pd_large[LAPIC_PAGE >> 22] = address(pt_lapic) | PTE_RW;

	for (u32 i = 0; i < MAPPED >> 21; i++)
		pae_pd[i] = address(&pae_pt[i << 9]) | PTE_RW;
	for (u32 i = 0; i < 2; i++) {
		pae_pdpt[i][0] = address(i ? pd_low[0] : pae_pd) | PTE_P;
		pae_pdpt[i][XP_HIGH >> 30] = pae_pdpt[i][0];
		pae_pdpt[i][LAPIC_PAGE >> 30] = address(pd_low[LAPIC_PAGE >> 30]) | PTE_P;
	}
}

static void set_gate(u32 vector, const void *handler)
{
	xp_idt[vector] = (struct gate32){(u16)address(handler), TK_CODE32, GATE32,
					 (u16)(address(handler) >> 16)};
}

/*
 * For vector n the CPU takes the n-th 8 bytes, in long mode the n-th 16 bytes. NMIs come in both:
 * the 64-bit gate lies where #OF and #BR are in 32-bit mode, which nothing here raises.
 */
static void build_idt(void)
{
	for (u32 i = 0; i < VECTOR_COUNT; i++)
		set_gate(i, xp_faults[i]);
	set_gate(VECTOR_DB, xp_db);
	set_gate(VECTOR_NMI, xp_nmi);
	memcpy(&xp_idt[2 * VECTOR_NMI], &idt[VECTOR_NMI], sizeof(idt[VECTOR_NMI]));
	set_gate(XP_VECTOR, xp_irq);
	set_gate(VEC_WAKE, xp_wake);
	set_gate(VEC_SPUR, xp_ignore);
}

static bool page_is_free(u32 base)
{
	return base >= LOWEST && base + PAGE_SIZE <= MAPPED &&
	       (base + PAGE_SIZE <= KERNEL_START || base >= address(xp_kernel_end)) &&
	       mem_map_is_ram(&mb2.map, base, PAGE_SIZE);
}

/* The free page that is nearest to where Windows had it; 0: there is none. */
static u32 find_page(void)
{
	for (u32 far = 0; far < MAPPED; far += PAGE_SIZE) {
		if (page_is_free(XP_PAGE + far))
			return XP_PAGE + far;
		if (page_is_free(XP_PAGE - far))
			return XP_PAGE - far;
	}
	return 0;
}

static void copy_page(void)
{
	u8 *to = (u8 *)(uintptr_t)page_base;

	memcpy(to, xp_page, (size_t)(xp_page_end - xp_page));
	for (const u32 *f = xp_fixups; f < xp_fixups_end; f++) {
		u32 v;

		memcpy(&v, to + *f - sizeof(v), sizeof(v));
		v += page_base - XP_PAGE;
		memcpy(to + *f - sizeof(v), &v, sizeof(v));
	}
}

const char *xp_build(void)
{
	if (address(xp_kernel_end) > MAPPED)
		return "the kernel below 16 MiB";
	page_base = find_page();
	if (!page_base)
		return "a free page below 16 MiB";
	if (xp_exact_cr4 - xp_page != XP_CR4 || (size_t)(xp_page_end - xp_page) > PAGE_SIZE)
		return "the code at its offset in the page";
	copy_page();
	build_tables();
	build_idt();
	note("the sequence runs at %08x and %08x, MOV from CR4 at %08x", page_base + XP_EXACT,
	     XP_HIGH + page_base + XP_EXACT, page_base + XP_CR4);
	return NULL;
}

void xp_prepare(struct xp_cpu *x, enum xp_paging paging)
{
	bool pae = paging == XP_PAE;

	memset(x, 0, sizeof(*x));
	x->due_cr0 = (u32)DUE_CR0;
	x->unpaged_cr0 = (u32)(DUE_CR0 & ~CR0_PG);
	x->due_cr4 = pae ? (u32)CR4_PAE : 0;
	x->after_cr4 = x->due_cr4 | (u32)CR4_PSE;
	x->cr3_small = address(pae ? (void *)pae_pdpt[0] : pd_small);
	x->cr3_large = address(pae ? (void *)pae_pdpt[1] : pd_large);
	x->on_bad = address(xp_on_bad);
	x->leave = address(xp_leave);
}

void xp_rounds(struct xp_cpu *x)
{
	struct desc_ptr p = {.limit = sizeof(xp_idt) - 1, .base = (uintptr_t)xp_idt};
	u64 dr6 = tk_read_dr6(), cr4 = read_cr4();

	if (cr4 & CR4_VMXE)
		x->bad[x->bad_count++] = (struct xp_bad){.step = XR_LONG_CR4,
							 .address = (u32)(uintptr_t)xp_rounds,
							 .read = (u32)cr4,
							 .due = (u32)(cr4 & ~CR4_VMXE)};
	x->x2apic = this_cpu()->x2apic;
	x->seed = this_cpu()->index;
	x->old[0] = (u32)read_cr0();
	x->old[1] = (u32)read_cr3();
	x->old[2] = (u32)(cr4 & ~CR4_VMXE); /* a leak is not to be written back */
	x->old[3] = (u32)rdmsr(MSR_EFER);
	lidt(&p);
	xp_enter(x, XP_HIGH + page_base);
	idt_load(idt);
	write_dr6(dr6);
}
