/* SPDX-License-Identifier: MIT */
/* Control, debug and model-specific registers, CPUID, ports, caches, extended state. */
#include "testkernel/bits.h"
#include "testkernel/fuzz/gen.h"
#include "testkernel/acpi.h"
#include "testkernel/cpu.h"
#include "testkernel/features.h"
#include "testkernel/fuzz/box_tables.h"
#include "testkernel/quirks.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define DR6_B  0xfull /* B0 to B3: the breakpoints that were met */
#define DR7_GD BIT(13)

static bool legacy(const struct gen *g)
{
	return g->mode->paging != PAGING_LONG;
}

static bool move_from_cr(struct gen *g)
{
	static const u8 crs[] = {0, 0, 2, 3, 4, 4, 8, 1, 5, 15};
	u8 cr = crs[gen_below(g, ARRAY_SIZE(crs))];

	if (cr > 7 && g->mode->bits != 64)
		return false;
	if (cr > 7)
		gen_byte(g, 0x44);
	gen_bytes(g, 0x200f, 2);
	gen_byte(g, (u8)(0xc0 | (cr & 7) << 3 | gen_below(g, 8)));
	g->last = cr == 3; /* nothing is to be written there */
	return true;
}

static u64 cr0_value(struct gen *g)
{
	static const u64 good[] = {CR0_TS, CR0_MP, CR0_EM,	    CR0_WP,	     CR0_AM,
				   CR0_NE, CR0_CD, CR0_CD | CR0_NW, CR0_TS | CR0_MP, 0};
	static const u64 bad[] = {CR0_NW, BIT(32), BIT(63), CR0_PE};
	u64 v = g->c->run.s.cr0;

	if (g->c->run.mode == BOX_REAL_MODE)
		v &= ~CR0_PE;
	else if (!g->tcg && gen_once_in(g, 8))
		return v ^ bad[gen_below(g, g->mode->paging == PAGING_LONG ? 4 : 1)];
	if (!g->tcg && g->mode->bits == 64 && gen_once_in(g, 8))
		return v ^ CR0_PG;
	v ^= good[gen_below(g, ARRAY_SIZE(good))] ^ good[gen_below(g, ARRAY_SIZE(good))];
	if (g->tcg) /* see registers() in gen.c; NW without CD is not judged */
		v |= (v & CR0_NW) << 1 | CR0_WP;
	return v;
}

static u64 cr4_value(struct gen *g)
{
	const u64 flips = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_MCE | CR4_PGE | CR4_PCE |
			  CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP | CR4_FSGSBASE | CR4_OSXSAVE |
			  CR4_SMEP | CR4_SMAP;
	const u64 bad[] = {BIT(15), BIT(31), BIT(62), legacy(g) ? CR4_PCIDE : CR4_PAE, CR4_LA57};
	u64 v = g->c->run.s.cr4;

	if (!g->tcg && gen_once_in(g, 8)) {
		u64 bit = bad[gen_below(g, ARRAY_SIZE(bad))];

		if (bit != CR4_LA57 || (cr4_allowed() & CR4_LA57) == 0 || g->mode->bits == 64)
			return v ^ bit;
	}
	if (!legacy(g) && gen_once_in(g, 8))
		return v ^ (CR4_PCIDE & cr4_allowed());
	return v ^ (gen_random(g) & gen_random(g) & flips & cr4_allowed());
}

static u64 cr3_value(struct gen *g)
{
	u64 v = box_cr3(this_cpu()->index, g->mode->paging);

	switch (gen_below(g, 4)) {
	case 0: return v ^ PTE_PWT ^ PTE_PCD;
	case 1: return g->tcg || legacy(g) ? v : v ^ BIT(40 + gen_below(g, 24));
	default: return v;
	}
}

/* Outside 64-bit mode the upper half of the register does not count, and is not loaded. */
static bool move_to_cr(struct gen *g)
{
	u32 cr = (u32[]){0, 0, 0, 2, 3, 4, 4, 4, 8, 1}[gen_below(g, 10)], reg = gen_below(g, 8);
	u64 v = gen_value(g);

	if (reg == RSP || (cr == 8 && g->mode->bits != 64))
		return false;
	if (cr == 0)
		v = cr0_value(g);
	else if (cr == 3)
		v = cr3_value(g);
	else if (cr == 4)
		v = cr4_value(g);
	else if (cr == 8 && (g->tcg || gen_once_in(g, 2)))
		v &= 15;
	gen_load(g, reg, v);
	if (cr == 8)
		gen_byte(g, 0x44);
	gen_bytes(g, 0x220f, 2);
	gen_byte(g, (u8)(0xc0 | (cr & 7) << 3 | reg));
	return true;
}

static bool machine_status(struct gen *g)
{
	u32 pe = g->c->run.mode == BOX_REAL_MODE ? 0 : 1;

	switch (gen_below(g, 4)) {
	case 0: gen_bytes(g, 0x060f, 2); return true; /* CLTS */
	case 1:
		gen_load(g, RAX, (gen_random(g) & 0xfffe) | pe);
		gen_bytes(g, 0xf0010f, 3); /* LMSW AX */
		return true;
	default:
		gen_bytes(g, 0x010f, 2); /* SMSW */
		gen_operand(g, 4);
		return true;
	}
}

/* The leaves that neither differ from Lamina's nor from time to time */
static bool cpuid_leaf(struct gen *g)
{
	static const u32 leaves[] = {0,		 2,	     5,		 6,
				     0x80000000, 0x80000002, 0x80000003, 0x80000004,
				     0x80000005, 0x80000006, 0x80000007, 0x80000008};
	u32 leaf = leaves[gen_below(g, ARRAY_SIZE(leaves))];

	if (g->stream == FUZZ_HOSTILE && gen_once_in(g, 2))
		leaf = (u32)gen_value(g) | (gen_once_in(g, 4) ? 0x40000000 : 0);
	gen_load(g, RAX, leaf);
	gen_load(g, RCX, gen_below(g, 4));
	gen_bytes(g, 0xa20f, 2);
	return true;
}

/* Those that run by themselves, that Lamina hides, or that end the machine */
static const struct {
	u32 first, last;
	bool write; /* only a write is left out */
} left_out[] = {
	{MSR_TSC, MSR_TSC, false},
	{MSR_APIC_BASE, MSR_APIC_BASE, true},
	{MSR_SMI_COUNT, MSR_SMI_COUNT, false},
	{MSR_FEATURE_CONTROL, MSR_FEATURE_CONTROL, false},
	{MSR_BIOS_UPDT_TRIG, MSR_BIOS_UPDT_TRIG, true},
	{MSR_SMM_MONITOR_CTL, MSR_SMM_MONITOR_CTL, false},
	{0x8b, 0x8b, true},
	{0xc1, 0xc8, false},
	{0xe7, 0xe8, false},
	{MSR_VMX_BASIC, MSR_VMX_LAST, false},
	{MSR_RTIT_FIRST, MSR_RTIT_ADDR_LAST, false},
	{0x6e0, 0x6e0, false},
	{0x800, 0x8ff, false},
	{0xc0000000, 0xc000007f, false},
	{MSR_EFER, MSR_EFER, true},
	{0xc0000104, 0xc0000104, true},
	{0xc0010000, 0xc0010fff, true},
	{MSR_VM_CR, MSR_SVM_LAST, false},
};

static bool msr_left_out(u32 msr, bool write)
{
	for (u32 i = 0; i < ARRAY_SIZE(left_out); i++)
		if (msr >= left_out[i].first && msr <= left_out[i].last &&
		    (write || !left_out[i].write))
			return true;
	return false;
}

static u32 any_msr(struct gen *g)
{
	static const u32 known[] = {
		MSR_SYSENTER_CS,
		MSR_SYSENTER_ESP,
		MSR_SYSENTER_EIP,
		MSR_EFER,
		0xc0000081,
		0xc0000082,
		0xc0000083,
		MSR_FMASK,
		MSR_PAT,
		MSR_MTRRCAP,
		MSR_APIC_BASE,
		MSR_FS_BASE,
		MSR_GS_BASE,
		0xc0000102,
		0xc0000103,
		MSR_DEBUGCTL,
		0x1a0,
		0x17,
		0x8b,
		0xda0,
		0xc0010010,
		0xc0010015,
	};

	switch (gen_below(g, 8)) {
	case 0: return gen_below(g, 0x2000);
	case 1: return 0xc0000000 + gen_below(g, 0x2000);
	case 2: return 0xc0010000 + gen_below(g, 0x2000);
	case 3: return 0x200 + gen_below(g, 0x100); /* MTRRs */
	case 4: return gen_random(g);
	default: return known[gen_below(g, ARRAY_SIZE(known))];
	}
}

static bool read_msr(struct gen *g)
{
	u32 msr = any_msr(g);

	if (g->stream == FUZZ_SAME && msr_left_out(msr, false))
		return false;
	g->last = msr == MSR_APIC_BASE && quirk_here(BOCHS_APIC_PANICS); /* RAX is left with it */
	gen_load(g, RCX, msr);
	gen_bytes(g, 0x320f, 2);
	return true;
}

static bool write_msr(struct gen *g)
{
	struct fuzz_case *c = g->c;
	u32 msr = any_msr(g);
	u64 v = gen_value(g);

	if (msr_left_out(msr, true) || c->msrs == FUZZ_MSRS)
		return false;
	if (quirk_scatters(msr))
		return false;
	if (msr == MSR_SYSENTER_CS && g->mode->paging == PAGING_NONE) /* it makes flat segments */
		return false;
	c->msr[c->msrs++] = msr;
	gen_load(g, RCX, msr);
	gen_load(g, RAX, (u32)v);
	gen_load(g, RDX, v >> 32);
	gen_bytes(g, 0x300f, 2);
	return true;
}

/* EFER in its own terms: on a platform that judges values, bad ones too. NXE stays as the tables
 * want it, as the TLB may hold what was before. */
static bool write_efer(struct gen *g)
{
	static const u64 flips[] = {0, EFER_SCE, BIT(1), BIT(16), EFER_LME};
	u64 v = g->mode->paging == PAGING_LONG ? EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE
					       : EFER_NXE;
	u32 n = g->tcg ? 2 : g->mode->paging == PAGING_LONG ? 5 : 4;

	if (g->mode->paging == PAGING_NONE) /* SYSCALL makes flat segments */
		n = 1;
	v ^= flips[gen_below(g, n)];
	if (g->mode->paging == PAGING_32 || g->mode->paging == PAGING_NONE)
		v ^= EFER_NXE;
	gen_load(g, RCX, MSR_EFER);
	gen_load(g, RAX, v);
	gen_load(g, RDX, 0);
	gen_bytes(g, 0x300f, 2);
	return true;
}

/* Four that keep what is written to them, of each CPU its own: among the DMA page registers. */
static u16 scratch_ports(void)
{
	return (u16)(0x80 + 4 * (this_cpu()->index % 4));
}

/* They, and PM1_CNT, the port that Lamina guards. It is never written with SLP_EN, which is in its
 * second byte. */
static bool port(struct gen *g)
{
	static const u8 ops[] = {0xec, 0xed, 0xee, 0xef, 0x6c, 0x6d};
	u8 op = ops[gen_below(g, ARRAY_SIZE(ops))];
	bool out = op == 0xee || op == 0xef;
	u16 at = (u16)(acpi.pm1a_cnt + gen_below(g, 4) - 1), scratch = scratch_ports();

	if (gen_once_in(g, 2) || (out && (op == 0xef || at != acpi.pm1a_cnt)))
		at = g->c->ports = scratch;
	gen_load(g, RDX, at);
	if (out)
		gen_load(g, RAX, at == scratch ? gen_random(g) : 1);
	if (op == 0x6c || op == 0x6d) {
		gen_load(g, RCX, gen_below(g, 3));
		gen_byte(g, gen_once_in(g, 2) ? 0xf3 : 0x90);
	} else if (op & 1 && gen_once_in(g, 2)) {
		gen_byte(g, 0x66);
	}
	gen_byte(g, op);
	return true;
}

static bool caches(struct gen *g)
{
	switch (gen_below(g, 4)) {
	case 0: gen_bytes(g, 0x080f, 2); return true;
	case 1: gen_bytes(g, 0x090f, 2); return true;
	case 2:
		gen_bytes(g, 0x010f, 2); /* INVLPG */
		gen_memory(g, 7);
		return true;
	default:
		gen_bytes(g, 0x82380f66, 4); /* INVPCID */
		gen_memory(g, gen_below(g, 8));
		return true;
	}
}

static bool extended_state(struct gen *g)
{
	if (gen_once_in(g, 2)) {
		gen_load(g, RCX, gen_once_in(g, 4) ? gen_below(g, 3) : 0);
		gen_load(g, RAX, gen_once_in(g, 4) ? gen_random(g) : gen_below(g, 16));
		gen_load(g, RDX, gen_once_in(g, 8) ? gen_random(g) : 0);
		gen_bytes(g, 0xd1010f, 3); /* XSETBV */
	} else if (gen_once_in(g, 2)) {
		gen_load(g, RCX, gen_below(g, 3));
		gen_bytes(g, 0xd0010f, 3); /* XGETBV */
	} else {
		gen_bytes(g, 0xae0f, 2); /* FXSAVE to CLFLUSH */
		gen_operand(g, gen_below(g, 8));
	}
	return true;
}

/* DR7.GD only where #DB has a stack of its own. */
static bool debug_register(struct gen *g)
{
	u32 dr = gen_below(g, 8), reg = gen_below(g, 4);
	u64 v = dr < 4 ? gen_pointer(g) : gen_random(g);

	if (legacy(g))
		v &= ~DR7_GD;
	if ((dr == 4 || dr == 6) && quirk_here(TCG_STEP_CLEARS_B)) /* DR4 is DR6 */
		v &= ~DR6_B;
	gen_load(g, reg, v);
	gen_byte(g, 0x0f);
	gen_byte(g, gen_once_in(g, 2) ? 0x21 : 0x23);
	gen_byte(g, (u8)(0xc0 | dr << 3 | reg));
	return true;
}

bool gen_control(struct gen *g)
{
	static bool (*const kinds[])(struct gen *) = {
		move_from_cr, move_to_cr, move_to_cr,	  machine_status, cpuid_leaf,
		cpuid_leaf,   read_msr,	  read_msr,	  write_msr,	  write_efer,
		port,	      caches,	  extended_state, debug_register,
	};

	return kinds[gen_below(g, ARRAY_SIZE(kinds))](g);
}
