/* SPDX-License-Identifier: MIT */
/* What a guest of each mode looks like: segments, page tables, registers. */
#include "testkernel/l1/l2.h"
#include "testkernel/cpu.h"
#include "testkernel/mb2.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "x86/rflags.h"

#define LOW_BASE  0x28000u   /* the guests' areas: MAX_CPUS of AREA_SIZE, bytes */
#define HIGH_BASE 0x2000000u /* and for those that start with 32-bit paging */
#define AREA_SIZE 0x8000u

#define AR_DATA	    0x93u
#define AR_CODE	    0x9bu
#define AR_DPL3	    0x60u
#define AR_L	    0x2000u
#define AR_DB	    0x4000u
#define AR_G	    0x8000u
#define AR_UNUSABLE 0x10000u
#define AR_TSS16    0x83u /* busy */
#define AR_TSS32    0x8bu
#define TSS_LIMIT   0x67u

#define PDPTE_TAG 0xe00ULL /* bits that the CPU ignores */

/* joint.pd and joint.low32 are one page, and use different parts of it. */
_Static_assert(LOW_BASE >> PAGE_SHIFT > 2 * (HIGH_BASE >> 21) + 1 &&
		       LOW_BASE + MAX_CPUS * AREA_SIZE <= LOW_USED_END,
	       "the guests' areas");

/* Identity maps of what the guests need, for CPL 0 or 3. */
struct tables {
	u64 pml4[512], pdpt[512], pae_pdpt[512];
	u64 pd[512]; /* for pdpt and pae_pdpt */
	u32 pd32[1024], low32[1024], high32[1024];
} __attribute__((aligned(4096)));

/*
 * Tables that 32-bit paging and PAE paging find the guest's code through alike, so that a write may
 * switch from either to the other. `top` is a page directory and a PDPT. PDPTE 0, read as a 32-bit
 * PDE, leads to the same page, whose first 8 bytes are the 2 MiB entry of PAE paging and whose
 * words for the guest's pages are 32-bit PTEs. Supervisor and, as a PDPTE has neither bit,
 * read-only. 32-bit paging sets the accessed bit of a PDE, which is reserved in a PDPTE: a guest
 * that starts with it lies at HIGH_BASE, behind the PDPTEs.
 */
struct joint {
	union {
		u64 top[512];
		u32 top32[1024];
	};
	union {
		u64 pd[512];
		u32 low32[1024];
	};
} __attribute__((aligned(4096)));

static struct tables tables[2]; /* by CPL > 0 */
static struct joint joints[MAX_CPUS];

u64 l2_area(const struct l1_case *c)
{
	u64 base = c->mode == L2_PAGED ? HIGH_BASE : LOW_BASE;

	return base + (u64)this_cpu()->index * AREA_SIZE;
}

static void build_tables(struct tables *t, u64 flags)
{
	t->pml4[0] = (uintptr_t)t->pdpt | flags;
	t->pdpt[0] = (uintptr_t)t->pd | flags;
	t->pae_pdpt[0] = (uintptr_t)t->pd | PTE_P;
	t->pd[0] = PTE_PS | flags;
	t->pd32[0] = (u32)((uintptr_t)t->low32 | flags);
	t->pd32[HIGH_BASE >> 22] = (u32)((uintptr_t)t->high32 | flags);
	for (u32 i = 0; i < ARRAY_SIZE(t->low32); i++) {
		t->low32[i] = i << PAGE_SHIFT | (u32)flags;
		t->high32[i] = (u32)HIGH_BASE | i << PAGE_SHIFT | (u32)flags;
	}
}

void l2_init(void)
{
	if (!mem_map_is_ram(&mb2.map, HIGH_BASE, MAX_CPUS * AREA_SIZE))
		panic("the memory at %xh is not free", HIGH_BASE);
	build_tables(&tables[0], PTE_P | PTE_W);
	build_tables(&tables[1], PTE_P | PTE_W | PTE_U);
	for (u32 i = 0; i < MAX_CPUS; i++) {
		struct joint *j = &joints[i];

		j->top32[HIGH_BASE >> 22] = (u32)((uintptr_t)tables[0].high32 | PTE_W | PTE_P);
		j->pd[0] = PTE_PS | PTE_W | PTE_P;
		j->pd[HIGH_BASE >> 21] = HIGH_BASE | PTE_PS | PTE_W | PTE_P;
		for (u32 p = 0; p < MAX_CPUS * AREA_SIZE >> PAGE_SHIFT; p++)
			j->low32[(LOW_BASE >> PAGE_SHIFT) + p] =
				(LOW_BASE + (p << PAGE_SHIFT)) | (u32)(PTE_W | PTE_P);
	}
}

static bool writes(const struct l1_case *c)
{
	return c->op != CRM_MOV_FROM && c->op != CRM_SMSW;
}

/* The guest may be in another paging mode after the access. */
static bool uses_joint(const struct l1_case *c)
{
	return c->cpl == 0 && writes(c) && !(c->efer & EFER_LME);
}

void l2_pdptes(const struct l1_case *c, u64 pdpte[4])
{
	struct joint *j = &joints[this_cpu()->index];
	struct tables *t = &tables[c->cpl != 0];

	for (u32 i = 0; i < 4; i++)
		pdpte[i] = 0;
	if (!uses_joint(c)) {
		pdpte[0] = t->pae_pdpt[0];
		return;
	}
	pdpte[0] = (uintptr_t)j->pd | PTE_P;
	for (u32 i = 0; i < 4; i++)
		pdpte[i] |= (c->pdpte & 7) << 9;
	if (c->pdpte & 8)
		pdpte[1 + (c->pdpte >> 4) % 3] |= PTE_P | PTE_W; /* a reserved bit */
}

static u64 top_table(const struct l1_case *c)
{
	struct tables *t = &tables[c->cpl != 0];

	if (uses_joint(c))
		return (uintptr_t)joints[this_cpu()->index].top;
	if (c->efer & EFER_LME)
		return (uintptr_t)t->pml4;
	return c->cr[CRM_CR4].hw & CR4_PAE ? (uintptr_t)t->pae_pdpt : (uintptr_t)t->pd32;
}

u64 l2_operand(const struct l1_case *c)
{
	bool cr3 = c->op == CRM_MOV_TO && c->num == 3;

	return cr3 ? (top_table(c) | c->cr3_low) ^ c->value : c->value;
}

/* Those in use at entry are not those in memory, so that a reload can be seen. */
static void build_paging(const struct l1_case *c, struct l2 *g)
{
	struct joint *j = &joints[this_cpu()->index];

	l2_pdptes(c, g->pdpte);
	if (uses_joint(c)) {
		for (u32 i = 0; i < 4; i++)
			j->top[i] = g->pdpte[i];
		for (u32 i = 0; i < 4; i++)
			g->pdpte[i] = (i ? 0 : g->pdpte[i]) ^ PDPTE_TAG;
	}
	g->cr3 = top_table(c) | c->cr3_low;
}

static void build_segments(const struct l1_case *c, struct l2 *g)
{
	bool segmented = c->mode == L2_REAL || c->mode == L2_V86;
	u32 dpl = c->cpl ? AR_DPL3 : 0;
	struct l2_segment data = {.sel = (u16)(TK_DATA | c->cpl), .limit = UINT32_MAX};

	data.ar = AR_DATA | dpl | AR_G | AR_DB;
	if (segmented)
		data = (struct l2_segment){.sel = (u16)(l2_area(c) >> 4),
					   .base = l2_area(c),
					   .limit = 0xffff,
					   .ar = AR_DATA | dpl};
	for (u32 i = 0; i < L2_SEGMENTS; i++)
		g->seg[i] = data;
	if (!segmented)
		g->seg[L2_CS].sel = (u16)(TK_CODE32 | c->cpl);
	if (c->mode != L2_V86)
		g->seg[L2_CS].ar = data.ar - AR_DATA + AR_CODE;
	if (c->cs_l)
		g->seg[L2_CS].ar |= AR_L;
	if (c->mode == L2_LONG)
		g->seg[L2_CS].ar &= ~AR_DB;
	g->seg[L2_LDTR] = (struct l2_segment){.ar = AR_UNUSABLE};
	g->seg[L2_TR] = (struct l2_segment){
		.sel = TK_TSS, .limit = TSS_LIMIT, .ar = c->tss16 ? AR_TSS16 : AR_TSS32};
}

void l2_traps(const struct l1_case *c, struct crm_intercepts traps[CRM_CRS])
{
	for (u32 i = 0; i < CRM_CRS; i++)
		traps[i] = crm_svm_intercepts((enum crm_name)i, &c->cr[i]);
	traps[CRM_CR0].read |= (c->traps & L1_READ_CR0) != 0;
	traps[CRM_CR0].write |= (c->traps & L1_WRITE_CR0) != 0;
	traps[CRM_CR0].selective |= (c->traps & L1_SELECTIVE) != 0;
	traps[CRM_CR4].read |= (c->traps & L1_READ_CR4) != 0;
	traps[CRM_CR4].write |= (c->traps & L1_WRITE_CR4) != 0;
}

void l2_build(const struct l1_case *c, struct l2 *g)
{
	bool segmented = c->mode == L2_REAL || c->mode == L2_V86;

	for (u32 i = 0; i < 16; i++)
		g->gpr[i] = 0x0101010101010101ULL * (0x80 + i);
	if (!c->mem && (c->op == CRM_MOV_TO || c->op == CRM_LMSW))
		g->gpr[c->gpr] = l2_operand(c);
	g->rip = segmented ? L2_CODE : l2_area(c) + L2_CODE;
	g->rflags = RFLAGS_FIXED | (c->mode == L2_V86 ? RFLAGS_VM : 0);
	g->cr[CRM_CR0] = c->cr[CRM_CR0];
	g->cr[CRM_CR4] = c->cr[CRM_CR4];
	l2_traps(c, g->traps);
	g->efer = c->efer;
	g->ia32e = c->efer & EFER_LMA;
	build_segments(c, g);
	build_paging(c, g);
}
