/* SPDX-License-Identifier: MIT */
/* Which cases can be run, how they are made up at random, printed and read. */
#include "testkernel/l1/l1_case.h"
#include "testkernel/console.h"
#include "testkernel/trap.h"
#include "lib/string.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define CR0_FREE (CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM)

/* What each mode has, apart from V86, which may be paged. */
static const struct {
	const char *name;
	u64 cr0, efer;
	bool pae;
} modes[L2_MODES] = {
	[L2_REAL] = {"16-bit real mode", 0, 0, false},
	[L2_FLAT] = {"32-bit unpaged", CR0_PE, 0, false},
	[L2_PAGED] = {"32-bit paging", CR0_PG | CR0_PE, 0, false},
	[L2_PAE] = {"PAE paging", CR0_PG | CR0_PE, 0, true},
	[L2_COMPAT] = {"compatibility mode", CR0_PG | CR0_PE, EFER_LMA | EFER_LME, true},
	[L2_LONG] = {"64-bit mode", CR0_PG | CR0_PE, EFER_LMA | EFER_LME, true},
	[L2_V86] = {"virtual-8086 mode", CR0_PE, 0, false},
};

const char *l1_mode_name(u64 mode)
{
	return modes[mode].name;
}

static void limits(struct crm_limits *l0, struct crm_limits *l4)
{
	struct crm_cpu cpu;

	l1->limits(&cpu);
	*l0 = cpu.limits[CRM_CR0];
	*l4 = cpu.limits[CRM_CR4];
}

/* The modes' own bits. */
static bool in_mode(const struct l1_case *c)
{
	u64 paging = c->cr[CRM_CR0].hw & (CR0_PG | CR0_PE);
	bool pae = c->cr[CRM_CR4].hw & CR4_PAE;
	bool lma = c->efer & EFER_LMA;

	if (c->mode == L2_V86 && paging != CR0_PE && paging != (CR0_PE | CR0_PG))
		return false;
	if (c->mode != L2_V86 && paging != modes[c->mode].cr0)
		return false;
	if ((paging & CR0_PG) && c->mode != L2_V86 && pae != modes[c->mode].pae)
		return false;
	if (paging & CR0_PG)
		return (c->efer & (EFER_LMA | EFER_LME)) == modes[c->mode].efer;
	return !lma;
}

bool l1_enterable(const struct l1_case *c)
{
	struct crm_limits l0, l4;
	u64 cr0 = c->cr[CRM_CR0].hw, cr4 = c->cr[CRM_CR4].hw;

	limits(&l0, &l4);
	if (!in_mode(c) || (cr0 & l0.must1) != l0.must1 || (cr4 & l4.must1) != l4.must1)
		return false;
	if ((cr0 & ~(CR0_FREE | CR0_CD | CR0_NW | CR0_PE | CR0_PG | CR0_ET | CR0_NE)) ||
	    !(cr0 & CR0_ET) || (cr4 & (l4.must0 | CR4_LA57)))
		return false;
	if ((cr0 & CR0_NW) && !(cr0 & CR0_CD))
		return false;
	if ((cr4 & CR4_PCIDE) && !(c->efer & EFER_LMA))
		return false;
	return !(cr4 & CR4_CET) || (cr0 & CR0_WP);
}

void l1_plain(struct l1_case *c, enum l2_mode mode)
{
	struct crm_limits l0, l4;

	limits(&l0, &l4);
	memset(c, 0, sizeof(*c));
	c->mode = mode;
	c->cpl = mode == L2_V86 ? 3 : 0;
	c->cs_l = mode == L2_LONG;
	c->bits = 32;
	c->efer = modes[mode].efer;
	c->cr[CRM_CR0].hw = modes[mode].cr0 | CR0_ET | l0.must1;
	c->cr[CRM_CR4].hw = (modes[mode].pae ? CR4_PAE : 0) | l4.must1;
	for (u32 i = 0; i < CRM_CRS; i++)
		c->cr[i].shadow = c->cr[i].hw;
}

static u64 next(u64 *seed)
{
	u64 z = *seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static bool one_in(u64 *seed, u32 n)
{
	return next(seed) % n == 0;
}

/* Which bits of a register are worth changing. */
static u64 interesting(enum crm_name name)
{
	return name == CRM_CR0 ? CR0_FREE | CR0_NE | CR0_CD | CR0_NW | CR0_PE | CR0_PG | CR0_ET
			       : 0x1ff7fffULL;
}

static u64 random_bits(u64 *seed, enum crm_name name)
{
	return next(seed) & interesting(name);
}

/* A few of them. */
static u64 few_bits(u64 *seed, enum crm_name name)
{
	return random_bits(seed, name) & next(seed) & next(seed);
}

static u64 random_mask(u64 *seed, enum crm_name name)
{
	u64 forced = l1_forced(name);

	switch (next(seed) % 8) {
	case 0: return 0;
	case 1: return forced;
	case 2: return forced | (name == CRM_CR0 ? CR0_PG : CR4_PSE | CR4_PAE);
	case 3: return ~0ULL;
	case 4: return UINT32_MAX;
	case 5: return forced | few_bits(seed, name);
	case 6: return BIT(next(seed) % 32);
	default: return random_bits(seed, name);
	}
}

/* Honest, nearly so, or hostile. */
static u64 random_shadow(u64 *seed, enum crm_name name, u64 hw)
{
	switch (next(seed) % 4) {
	case 0: return hw;
	case 1: return hw & ~l1_forced(name);
	case 2: return hw ^ few_bits(seed, name);
	default: return random_bits(seed, name);
	}
}

static u64 random_value(u64 *seed, const struct l1_case *c, enum crm_name name)
{
	const struct crm_cr *r = &c->cr[name];
	u64 view = crm_read(r);

	switch (next(seed) % 8) {
	case 0: return view;
	case 1: return view ^ BIT(next(seed) % 32);
	case 2: return view ^ few_bits(seed, name);
	case 3: return view ^ (name == CRM_CR0 ? CR0_PG : CR4_PAE);
	case 4: return view ^ (next(seed) & 0x3f);
	case 5: return random_bits(seed, name);
	case 6: return view | next(seed) << 32;
	default: /* changes no owned bit */ return view ^ (few_bits(seed, name) & ~r->owned);
	}
}

static void random_registers(struct l1_case *c, u64 *seed)
{
	struct crm_limits l0, l4;
	bool paged = c->cr[CRM_CR0].hw & CR0_PG;

	limits(&l0, &l4);
	if (c->mode == L2_V86 && one_in(seed, 2)) {
		c->cr[CRM_CR0].hw |= CR0_PG;
		paged = true;
	}
	c->cr[CRM_CR0].hw |= next(seed) & CR0_FREE;
	if (one_in(seed, 8))
		c->cr[CRM_CR0].hw |= CR0_CD | (next(seed) & CR0_NW);
	c->cr[CRM_CR4].hw |= next(seed) & next(seed) & ~l4.must0 & ~(CR4_LA57 | CR4_PAE);
	if (!paged || c->mode == L2_V86)
		c->cr[CRM_CR4].hw |= next(seed) & CR4_PAE;
	if (!(c->efer & EFER_LMA))
		c->cr[CRM_CR4].hw &= ~CR4_PCIDE;
	if (!(c->cr[CRM_CR0].hw & CR0_WP))
		c->cr[CRM_CR4].hw &= ~CR4_CET;
	c->efer |= next(seed) & (EFER_SCE | EFER_NXE);
	if (!paged)
		c->efer |= next(seed) & EFER_LME;
	if (c->efer & EFER_LMA)
		c->cr3_low = one_in(seed, 2) ? next(seed) & 0xfff : 0;
	else
		c->cr3_low = next(seed) & 0x1f;
	if (c->mode == L2_FLAT)
		c->cs_l = one_in(seed, 8);
	if (!(c->efer & EFER_LMA))
		c->tss16 = one_in(seed, 8);
	for (u32 i = 0; i < CRM_CRS; i++) {
		c->cr[i].owned = random_mask(seed, (enum crm_name)i);
		c->cr[i].shadow = random_shadow(seed, (enum crm_name)i, c->cr[i].hw);
	}
	c->pdpte = next(seed) & 0x37;
	if (one_in(seed, 8))
		c->pdpte |= 8;
}

/* Bits of CR3 to change that leave the tables where they are. */
static u64 random_cr3(u64 *seed, const struct l1_case *c)
{
	u64 change = next(seed) & (c->efer & EFER_LMA ? 0xfff : 0x1f);

	if (one_in(seed, 4))
		change |= BIT(63);
	return one_in(seed, 8) ? change | BIT(61) : change;
}

static void random_access(struct l1_case *c, u64 *seed)
{
	static const u8 ops[16] = {CRM_MOV_TO,	 CRM_MOV_TO,   CRM_MOV_TO,   CRM_MOV_TO,
				   CRM_MOV_TO,	 CRM_MOV_TO,   CRM_MOV_TO,   CRM_MOV_TO,
				   CRM_MOV_FROM, CRM_MOV_FROM, CRM_MOV_FROM, CRM_LMSW,
				   CRM_LMSW,	 CRM_LMSW,     CRM_CLTS,     CRM_SMSW};
	static const u8 none[4] = {1, 5, 6, 7}; /* control registers that do not exist */
	bool mov;

	c->op = ops[next(seed) % 16];
	mov = c->op == CRM_MOV_TO || c->op == CRM_MOV_FROM;
	c->gpr = next(seed) % (c->mode == L2_LONG ? 16 : 8);
	if (mov && one_in(seed, 32))
		c->num = c->mode == L2_LONG && one_in(seed, 2) ? 9 + next(seed) % 7
							       : none[next(seed) % 4];
	else if (mov && one_in(seed, 16))
		c->num = 3;
	else if (mov)
		c->num = one_in(seed, 2) ? 4 : 0;
	if (c->op == CRM_LMSW || c->op == CRM_SMSW)
		c->mem = one_in(seed, 2);
	if (c->op == CRM_CLTS)
		c->gpr = 0;
	c->bits = 16u << next(seed) % (c->mode == L2_LONG ? 3 : 2);
	if (c->op != CRM_SMSW)
		c->bits = 32;
	if (c->op == CRM_MOV_TO && c->num == 3)
		c->value = random_cr3(seed, c);
	else if (c->op == CRM_MOV_TO)
		c->value = random_value(seed, c, c->num == 4 ? CRM_CR4 : CRM_CR0);
	else if (c->op == CRM_LMSW)
		c->value = next(seed);
}

/* In half of the cases nothing is owned, and the intercepts are any. */
static void random_traps(struct l1_case *c, u64 *seed)
{
	if (one_in(seed, 2))
		return;
	c->traps = one_in(seed, 4) ? L1_SELECTIVE : next(seed) % L1_TRAPS;
	for (u32 i = 0; i < CRM_CRS; i++)
		c->cr[i].owned = 0;
}

void l1_random(struct l1_case *c, u64 *seed)
{
	l1_plain(c, (enum l2_mode)(next(seed) % L2_MODES));
	if (c->mode != L2_REAL && one_in(seed, 8))
		c->cpl = 3;
	random_registers(c, seed);
	if (l1 == &l1_svm)
		random_traps(c, seed);
	random_access(c, seed);
}

static void print_cr(const char *name, const struct crm_cr *r)
{
	print("#   %s hw %lx owned %lx shadow %lx\n", name, r->hw, r->owned, r->shadow);
}

void l1_print(const struct l1_case *c)
{
	static const char *const ops[] = {
		[CRM_MOV_TO] = "MOV to CR", [CRM_MOV_FROM] = "MOV from CR",
		[CRM_LMSW] = "LMSW",	    [CRM_CLTS] = "CLTS",
		[CRM_SMSW] = "SMSW",
	};
	const u64 *word = (const u64 *)c;

	print("#   %s, CPL %u, EFER %lx: %s, CR%u, register %u, memory %u, value %lx\n",
	      modes[c->mode].name, (u32)c->cpl, c->efer, ops[c->op], (u32)c->num, (u32)c->gpr,
	      (u32)c->mem, c->value);
	print_cr("CR0", &c->cr[CRM_CR0]);
	print_cr("CR4", &c->cr[CRM_CR4]);
	if (l1 == &l1_svm)
		print("#   intercepts %x, besides those of owned bits\n", (u32)c->traps);
	print("#   again: level1=");
	for (size_t i = 0; i < L1_CASE_WORDS; i++)
		print("%s0x%lx", i ? "," : "", word[i]);
	print("\n");
}

bool l1_parse(const char *text, struct l1_case *c)
{
	u64 *word = (u64 *)c;

	for (size_t i = 0; i < L1_CASE_WORDS; i++) {
		if (!str_to_u64(text, &text, &word[i]) ||
		    *text != (i + 1 < L1_CASE_WORDS ? ',' : '\0'))
			return false;
		text++;
	}
	return c->mode < L2_MODES && c->op <= CRM_SMSW && c->num < 16 && c->gpr < 16 &&
	       c->traps < L1_TRAPS && l1_enterable(c);
}
