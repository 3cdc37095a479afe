/* SPDX-License-Identifier: MIT */
/*
 * The CR0/CR4 model against its laws, and against the faults and effects that the manuals list
 * ("Intel SDM vol. 2B", MOV to CR; "vol. 3A", 2.5, 4.4.1, 4.10.4.1), written here as tables.
 */
#include "unit.h"
#include "crmodel/crm.h"
#include "x86/cr.h"
#include "x86/msr.h"

static const u64 cr0_bits[] = {CR0_PE, CR0_MP, CR0_EM, CR0_TS, CR0_NE, CR0_WP,
			       CR0_AM, CR0_NW, CR0_CD, CR0_PG, BIT(6), BIT(28)};
#define CR0_EXISTING                                                                               \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
	 CR0_PG)

/* VMX's demands, as a CPU with unrestricted guests makes them; a monitor owns the bits they
 * concern. */
static const struct crm_limits none;
static const struct crm_limits cr0_limits = {.must1 = CR0_NE};
static const struct crm_limits cr4_limits = {.must1 = CR4_VMXE, .must0 = ~0x3fffffULL};

static u64 pick(const u64 *bits, size_t count)
{
	u64 v = 0;

	for (size_t i = 0; i < count; i++)
		v |= rnd_below(2) ? bits[i] : 0;
	return v;
}

static u64 random_cr0(void)
{
	return pick(cr0_bits, ARRAY_SIZE(cr0_bits));
}

/* A CR0 a CPU can have. */
static u64 legal_cr0(void)
{
	u64 v = (random_cr0() & CR0_EXISTING) | CR0_ET;

	if (v & CR0_PG)
		v |= CR0_PE;
	if (v & CR0_NW)
		v |= CR0_CD;
	return v;
}

static struct crm_env random_env(void)
{
	struct crm_env e = {.cr0 = legal_cr0(), .cr4_allowed = 0x1ffffff & ~CR4_VMXE};

	e.cr4 = rnd() & e.cr4_allowed;
	e.efer = (rnd_below(2) ? EFER_LME : 0) | (rnd_below(2) ? EFER_LMA : 0);
	e.cr3 = rnd_below(2) ? rnd() & 0xffffffff : rnd() & 0xfffff000;
	e.cs_l = rnd_below(2);
	return e;
}

static struct crm_cr cr_of(u64 guest, u64 owned, const struct crm_limits *l)
{
	owned |= l->must1 | l->must0;
	return (struct crm_cr){
		.hw = (guest | l->must1) & ~l->must0, .shadow = guest, .owned = owned};
}

static void test_scenario(void **state)
{
	struct crm_cr c = {.hw = 0x2020, .shadow = 0, .owned = 0x2000};

	(void)state;
	assert_int_equal(crm_read(&c), 0x20);
	assert_false(crm_write_exits(&c, 0x30));
	assert_true(crm_write_exits(&c, 0x2030));
	c.shadow = 0x20;
	assert_int_equal(crm_read(&c), 0x20);
	c.owned = ~0ULL;
	assert_true(crm_write_exits(&c, 0x30));
	assert_false(crm_write_exits(&c, 0x20));
}

/* L1, L2, L5 bit by bit: hw, shadow, owned and the written bit are independent. */
static void test_read_and_exit(void **state)
{
	(void)state;
	for (u32 bit = 0; bit < 64; bit++) {
		for (u32 k = 0; k < 16; k++) {
			bool hw = k & 1, shadow = k & 2, owned = k & 4, value = k & 8;
			struct crm_cr c = {(u64)hw << bit, (u64)shadow << bit, (u64)owned << bit};

			assert_int_equal(crm_read(&c), (u64)(owned ? shadow : hw) << bit);
			assert_int_equal(crm_write_exits(&c, (u64)value << bit),
					 owned && value != shadow);
			assert_false(crm_write_exits(&c, crm_read(&c)));
		}
	}
}

/* L3, L4 and what must hold of any outcome. `want` is what the guest must read back if it is
 * accepted. */
static void assert_outcome(const struct crm_cr *c, const struct crm_limits *l,
			   const struct crm_outcome *o, bool valid, u64 want)
{
	assert_int_equal(o->verdict, valid ? CRM_ACCEPTED : CRM_GP);
	if (!valid) {
		assert_memory_equal(&o->next, c, sizeof(*c));
		assert_int_equal(o->effects, 0);
		return;
	}
	assert_int_equal(crm_read(&o->next), want);
	assert_int_equal(o->next.hw & l->must1, l->must1);
	assert_int_equal(o->next.hw & l->must0, 0);
	assert_int_equal((o->next.hw ^ want) & ~(l->must1 | l->must0), 0);
	assert_int_equal(o->next.shadow, want);
	assert_int_equal(o->next.owned, c->owned);
}

static bool cr0_faults(const struct crm_env *e, u64 old, u64 v)
{
	const bool faults[] = {
		v > UINT32_MAX,
		(v & (CR0_PG | CR0_PE)) == CR0_PG,
		(v & (CR0_NW | CR0_CD)) == CR0_NW,
		/* to IA-32e mode without PAE, or from a 64-bit code segment */
		!(old & CR0_PG) && (v & CR0_PG) && (e->efer & EFER_LME) && !(e->cr4 & CR4_PAE),
		!(old & CR0_PG) && (v & CR0_PG) && (e->efer & EFER_LME) && e->cs_l,
		(old & CR0_PG) && !(v & CR0_PG) && e->cs_l,
		(old & CR0_PG) && !(v & CR0_PG) && (e->cr4 & CR4_PCIDE),
		(old & CR0_WP) && !(v & CR0_WP) && (e->cr4 & CR4_CET),
	};

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		if (faults[i])
			return true;
	}
	return false;
}

static u64 cr0_effects(const struct crm_env *e, u64 old, u64 v)
{
	bool pg_changes = (old ^ v) & CR0_PG, lme = e->efer & EFER_LME;
	bool pae = (v & CR0_PG) && (e->cr4 & CR4_PAE) && !lme;

	return (pg_changes ? CRM_TLB_ALL : 0) |
	       (pg_changes && lme && (v & CR0_PG) ? CRM_LMA_SET : 0) |
	       (pg_changes && lme && !(v & CR0_PG) ? CRM_LMA_CLEAR : 0) |
	       (pae && ((old ^ v) & (CR0_PG | CR0_CD | CR0_NW)) ? CRM_PDPTE : 0);
}

static void test_write_cr0(void **state)
{
	u32 accepted = 0;

	(void)state;
	for (u32 round = 0; round < 300000; round++) {
		const struct crm_limits *l = rnd_below(2) ? &none : &cr0_limits;
		struct crm_env e = random_env();
		u64 old = legal_cr0(),
		    v = random_cr0() | (rnd_below(16) ? 0 : BIT(32 + rnd_below(32)));
		struct crm_cr c = cr_of(old, random_cr0(), l);
		struct crm_outcome o = crm_write_cr0(&c, l, &e, v);
		bool valid = !cr0_faults(&e, old, v);

		v = (v & CR0_EXISTING) | CR0_ET;
		assert_outcome(&c, l, &o, valid, v);
		if (valid)
			assert_int_equal(o.effects, cr0_effects(&e, old, v));
		accepted += valid;
	}
	assert_true(accepted > 30000);
}

/* LMSW loads four bits and never clears PE; CLTS clears one. Neither can fault, or touch another
 * bit. */
static void test_lmsw_clts(void **state)
{
	(void)state;
	for (u32 round = 0; round < 100000; round++) {
		const struct crm_limits *l = rnd_below(2) ? &none : &cr0_limits;
		struct crm_env e = random_env();
		u64 old = legal_cr0();
		u16 source = (u16)rnd();
		struct crm_cr c = cr_of(old, random_cr0(), l);
		struct crm_outcome o = crm_lmsw(&c, l, &e, source);

		assert_outcome(&c, l, &o, true, (old & ~14ULL) | (source & 15) | (old & CR0_PE));
		assert_int_equal(o.effects, 0);
		o = crm_clts(&c, l, &e);
		assert_outcome(&c, l, &o, true, old & ~CR0_TS);
		assert_int_equal(o.effects, 0);
	}
}

static bool cr4_faults(const struct crm_env *e, u64 old, u64 v)
{
	bool lma = e->efer & EFER_LMA;
	const bool faults[] = {
		(v & ~e->cr4_allowed) != 0,
		lma && ((old ^ v) & CR4_LA57),
		lma && !(v & CR4_PAE),
		!(old & CR4_PCIDE) && (v & CR4_PCIDE) && !lma,
		!(old & CR4_PCIDE) && (v & CR4_PCIDE) && (e->cr3 & 0xfff),
		!(old & CR4_CET) && (v & CR4_CET) && !(e->cr0 & CR0_WP),
	};

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		if (faults[i])
			return true;
	}
	return false;
}

static u64 cr4_effects(const struct crm_env *e, u64 old, u64 v)
{
	u64 set = v & ~old, cleared = old & ~v, changed = set | cleared;
	bool pae = (e->cr0 & CR0_PG) && (v & CR4_PAE) && !(e->efer & EFER_LME);

	return ((changed & CR4_PGE) || (cleared & CR4_PCIDE) ? CRM_TLB_ALL : 0) |
	       ((changed & (CR4_PAE | CR4_PSE)) || (set & CR4_SMEP) ? CRM_TLB_PCID : 0) |
	       (pae && (changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)) ? CRM_PDPTE : 0);
}

static void test_write_cr4(void **state)
{
	u32 accepted = 0;

	(void)state;
	for (u32 round = 0; round < 300000; round++) {
		const struct crm_limits *l = rnd_below(2) ? &none : &cr4_limits;
		struct crm_env e = random_env();
		u64 old = rnd() & e.cr4_allowed & 0x3fffff;
		u64 v = old ^ (rnd() & rnd() & rnd() & 0x3fffff & ~CR4_VMXE);
		struct crm_cr c = cr_of(old, rnd(), l);
		struct crm_outcome o;
		bool valid;

		if (rnd_below(8) == 0)
			v ^= BIT(rnd_below(64));
		valid = !cr4_faults(&e, old, v);
		/* what the hardware forbids but the guest may have would need emulation: none is
		 * allowed */
		if (valid && (v & l->must0))
			continue;
		o = crm_write_cr4(&c, l, &e, v);
		assert_outcome(&c, l, &o, valid, v);
		if (valid)
			assert_int_equal(o.effects, cr4_effects(&e, old, v));
		accepted += valid;
	}
	assert_true(accepted > 30000);
}

/* Every bit of every entry; the rules say which must be 0 when the entry is present. */
static void test_pdptes(void **state)
{
	(void)state;
	for (u32 phys_bits = 36; phys_bits <= 52; phys_bits += 4) {
		for (u32 i = 0; i < 4; i++) {
			for (u32 bit = 1; bit < 64; bit++) {
				bool reserved = bit == 1 || bit == 2 || (bit >= 5 && bit <= 8) ||
						bit >= phys_bits;
				u64 pdpte[4] = {0x1001, 0x2001, 0x3001, 0x4001};

				assert_true(crm_pdptes_valid(pdpte, phys_bits));
				pdpte[i] |= BIT(bit);
				assert_int_equal(crm_pdptes_valid(pdpte, phys_bits), !reserved);
				pdpte[i] &= ~1ULL;
				assert_true(crm_pdptes_valid(pdpte, phys_bits));
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenario),  cmocka_unit_test(test_read_and_exit),
		cmocka_unit_test(test_write_cr0), cmocka_unit_test(test_lmsw_clts),
		cmocka_unit_test(test_write_cr4), cmocka_unit_test(test_pdptes),
	};

	return RUN_SEEDED(tests);
}
