/* SPDX-License-Identifier: MIT */
/*
 * The faults of MOV to CR0 and CR4, as a table from the manuals, against the model: every
 * transition of one bit and of two, from every mode, bare and under every kind of mask. Each row of
 * the table has to be the only reason for some fault, or the table would show nothing about it.
 */
#include "crm_world.h"

enum tristate { ANY, NO, YES };

enum vendors { INTEL = BIT(CRM_INTEL), AMD = BIT(CRM_AMD), BOTH = INTEL | AMD };

/* A write is forbidden if all of this holds; `any`: at least one of these bits is in the new value.
 */
struct forbidden {
	const char *id, *manual;
	enum vendors vendors;
	enum crm_name name;
	u64 new1, new0, old1, old0, any; /* set and clear in the new and the old value */
	u64 other1, other0;		 /* in the register that is not written */
	u64 efer1, efer0;
	enum tristate cs_l, tss16, cr3_low; /* CR3[11:0] is not 0 */
};

#define MOV_CR "Intel SDM vol. 2B, MOV to CR; AMD APM vol. 3, MOV CRn"

static const struct forbidden table[] = {
	{"G1", MOV_CR, BOTH, CRM_CR0, .any = 0xffffffff00000000},
	{"G12", MOV_CR, BOTH, CRM_CR0, .new1 = CR0_PG, .new0 = CR0_PE},
	{"G12", MOV_CR, BOTH, CRM_CR0, .new1 = CR0_NW, .new0 = CR0_CD},
	{"E1b", "Intel SDM vol. 3A, 10.8.5; AMD APM vol. 2, 14.6.1", BOTH, CRM_CR0, .new1 = CR0_PG,
	 .old0 = CR0_PG, .efer1 = EFER_LME, .other0 = CR4_PAE},
	{"E1b", "Intel SDM vol. 3A, 10.8.5; AMD APM vol. 2, 14.6.1", BOTH, CRM_CR0, .new1 = CR0_PG,
	 .old0 = CR0_PG, .efer1 = EFER_LME, .cs_l = YES},
	{"E1b", "Intel SDM vol. 3A, 10.8.5", INTEL, CRM_CR0, .new1 = CR0_PG, .old0 = CR0_PG,
	 .efer1 = EFER_LME, .tss16 = YES},
	{"G6", "Intel SDM vol. 2B, MOV to CR; AMD APM vol. 2, 14.7", BOTH, CRM_CR0, .new0 = CR0_PG,
	 .old1 = CR0_PG, .efer1 = EFER_LMA, .cs_l = YES},
	{"G6", "Intel SDM vol. 3A, 4.10.1; AMD APM vol. 2, 5.5.1", BOTH, CRM_CR0, .new0 = CR0_PG,
	 .old1 = CR0_PG, .other1 = CR4_PCIDE},
	{"G11", "Intel SDM vol. 3A, 2.5, CR0.WP; AMD APM vol. 2, 3.1.3", BOTH, CRM_CR0,
	 .new0 = CR0_WP, .other1 = CR4_CET},

	{"F4", "Intel SDM vol. 3A, 2.5; AMD APM vol. 2, 3.1.3", BOTH, CRM_CR4,
	 .any = ~(CR4_GUEST | CR4_HIDDEN)},
	{"G9", "Intel SDM vol. 3C, 24.7; vol. 2D, 6.2.1; vol. 3A, 2.5", BOTH, CRM_CR4,
	 .any = CR4_VMXE | CR4_SMXE | CR4_KL},
	{"G15", "Intel FRED specification, 3.1", BOTH, CRM_CR4, .any = CR4_FRED},
	{"G5", "Intel SDM vol. 2B, MOV to CR; AMD APM vol. 2, 3.1.3", BOTH, CRM_CR4,
	 .new1 = CR4_LA57, .old0 = CR4_LA57, .efer1 = EFER_LMA},
	{"G5", "Intel SDM vol. 2B, MOV to CR; AMD APM vol. 2, 3.1.3", BOTH, CRM_CR4,
	 .new0 = CR4_LA57, .old1 = CR4_LA57, .efer1 = EFER_LMA},
	{"G13", "Intel SDM vol. 2B, MOV to CR; AMD APM vol. 2, 14.6.1", BOTH, CRM_CR4,
	 .new0 = CR4_PAE, .efer1 = EFER_LMA},
	{"G7", "Intel SDM vol. 3A, 4.10.1; AMD APM vol. 2, 5.5.1", BOTH, CRM_CR4, .new1 = CR4_PCIDE,
	 .old0 = CR4_PCIDE, .efer0 = EFER_LMA},
	{"G7", "Intel SDM vol. 3A, 4.10.1; AMD APM vol. 2, 5.5.1", BOTH, CRM_CR4, .new1 = CR4_PCIDE,
	 .old0 = CR4_PCIDE, .cr3_low = YES},
	{"G11", "Intel SDM vol. 3A, 2.5, CR4.CET; AMD APM vol. 2, 3.1.3", BOTH, CRM_CR4,
	 .new1 = CR4_CET, .other0 = CR0_WP},
};

static u32 alone[ARRAY_SIZE(table)]; /* faults for which only this row is a reason */
static u32 accepted, refused;

static bool is(enum tristate t, bool value)
{
	return t == ANY || (t == YES) == value;
}

static bool forbids(const struct forbidden *f, const struct crm_cpu *bare, enum crm_name name,
		    u64 new)
{
	u64 old = bare->cr[name].hw, other = bare->cr[!name].hw;

	return f->name == name && (f->vendors & BIT(bare->vendor)) && (new & f->new1) == f->new1 &&
	       !(new & f->new0) && (old & f->old1) == f->old1 && !(old & f->old0) &&
	       (!f->any || (new & f->any)) && (other & f->other1) == f->other1 &&
	       !(other & f->other0) && (bare->efer & f->efer1) == f->efer1 &&
	       !(bare->efer & f->efer0) && is(f->cs_l, bare->cs_l) && is(f->tss16, bare->tss16) &&
	       is(f->cr3_low, bare->cr3 & 0xfff);
}

/* G8: bits that the guest's CPUID does not have. */
static bool withheld(const struct crm_cpu *bare, enum crm_name name, u64 new)
{
	return name == CRM_CR4 && (new &CR4_GUEST & ~bare->cr4_allowed);
}

/* What the tables make of it; counts the row that is the only reason. */
static enum crm_verdict due(const struct crm_cpu *bare, enum crm_name name, u64 new)
{
	u32 reasons = withheld(bare, name, new), last = 0;

	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		if (forbids(&table[i], bare, name, new)) {
			reasons++;
			last = i;
		}
	if (reasons == 1 && !withheld(bare, name, new))
		alone[last]++;
	return reasons ? CRM_GP : CRM_OK;
}

static u64 in_width(const struct crm_cpu *cpu, u64 value)
{
	bool wide = (cpu->efer & EFER_LMA) && cpu->cs_l;

	return wide ? value : value & 0xffffffff;
}

/* One write, bare and in guests with all kinds of masks. */
static void check_write(const struct crm_cpu *bare, const struct crm_cpu *guests, u32 count,
			enum crm_name name, u64 value)
{
	struct crm_insn i = mov_to(name == CRM_CR0 ? 0 : 4, value);
	u64 new = in_width(bare, value);
	enum crm_verdict want = due(bare, name, new);
	struct crm_result r = crm_native(bare, &i);

	if (r.verdict != want)
		fail_msg("CR%u := %#llx: verdict %u, not %u: " SAYS, i.cr,
			 (unsigned long long)value, r.verdict, want, SAY(bare));
	if (want == CRM_OK)
		accepted++;
	else
		refused++;
	new = name == CRM_CR0 ? (new &CR0_DEFINED) | CR0_ET : new;
	if (want == CRM_OK)
		assert_int_equal(r.value, new);
	for (u32 k = 0; k < count; k++) {
		struct crm_cpu g = guests[k];
		bool exited;

		r = run_guest(&g, &i, &exited);
		if (r.verdict != want)
			fail_msg("guest %u, CR%u := %#llx: verdict %u, not %u: " SAYS, k, i.cr,
				 (unsigned long long)value, r.verdict, want, SAY(&guests[k]));
		assert_int_equal(crm_read(&g.cr[name]), want == CRM_OK ? new : bare->cr[name].hw);
	}
}

static void check_transitions(const struct crm_cpu *bare)
{
	static const u64 owned[][CRM_CRS] = {
		{0, 0}, {CR0_PG, CR4_PAE}, {CR0_WP | CR0_CD, CR4_PCIDE | CR4_CET}, {~0ULL, ~0ULL}};
	struct crm_cpu guests[ARRAY_SIZE(owned)];

	for (u32 k = 0; k < ARRAY_SIZE(owned); k++)
		guests[k] = guest_of(bare, owned[k][0], owned[k][1],
				     k & 1 ? CR4_GUEST : CR4_GUEST | CR4_HIDDEN | 0xff00000000);
	for (u32 n = 0; n < CRM_CRS; n++) {
		enum crm_name name = (enum crm_name)n;
		u64 old = bare->cr[name].hw;

		check_write(bare, guests, ARRAY_SIZE(guests), name, old);
		for (u32 a = 0; a < 64; a++)
			for (u32 b = a; b < 64; b++)
				check_write(bare, guests, ARRAY_SIZE(guests), name,
					    old ^ (BIT(a) | BIT(b)));
	}
}

static void transitions(enum crm_vendor vendor)
{
	memset(alone, 0, sizeof(alone));
	accepted = refused = 0;
	for (u32 m = 0; m < ARRAY_SIZE(modes); m++) {
		struct crm_cpu bare = bare_in(&modes[m], vendor);

		check_transitions(&bare);
		bare.cr3 |= 0x18;
		bare.tss16 = true;
		check_transitions(&bare);
	}
	printf("# %u writes accepted, %u refused\n", accepted, refused);
	assert_true(accepted > 10000 && refused > 10000);
	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		if ((table[i].vendors & BIT(vendor)) && !alone[i])
			fail_msg("%s (%s), row %u, was never the only reason", table[i].id,
				 table[i].manual, i);
}

static void test_transitions_intel(void **state)
{
	(void)state;
	transitions(CRM_INTEL);
}

static void test_transitions_amd(void **state)
{
	(void)state;
	transitions(CRM_AMD);
}

/* F4, F6, G8, G10: every bit of CR4, withheld from the guest or not. */
static void test_withheld_bits(void **state)
{
	(void)state;
	for (u32 bit = 0; bit < 64; bit++)
		for (u32 vendor = 0; vendor <= CRM_AMD; vendor++) {
			struct mode m = {"64-bit", PAGED, CR4_PAE, LONG, true};
			struct crm_cpu bare = bare_in(&m, (enum crm_vendor)vendor), g;
			struct crm_insn i = mov_to(4, CR4_PAE ^ BIT(bit));
			bool exited, toggles = (CR4_GUEST & BIT(bit)) && BIT(bit) != CR4_PAE &&
					       BIT(bit) != CR4_LA57;

			g = guest_of(&bare, 0, 0, CR4_GUEST);
			assert_int_equal(crm_native(&bare, &i).verdict, toggles ? CRM_OK : CRM_GP);
			assert_int_equal(run_guest(&g, &i, &exited).verdict,
					 toggles ? CRM_OK : CRM_GP);
			if (BIT(bit) == CR4_PAE)
				continue;
			bare.cr4_allowed &= ~BIT(bit);
			g = guest_of(&bare, 0, 0, CR4_GUEST);
			assert_int_equal(crm_native(&bare, &i).verdict, CRM_GP);
			assert_int_equal(run_guest(&g, &i, &exited).verdict, CRM_GP);
			assert_int_equal(crm_read(&g.cr[CRM_CR4]), CR4_PAE);
		}
}

/* E1, E1b, E4: into IA-32e mode and out again, in every step's order and with each thing missing.
 */
static void test_long_mode_both_ways(void **state)
{
	static const u64 owned0[] = {0, CR0_PG, ~0ULL};

	(void)state;
	for (u32 k = 0; k < 12; k++) {
		bool pae = k & 1, lme = k & 2;
		struct mode m = {"", PROTECTED, pae ? CR4_PAE : 0, lme ? EFER_LME : 0, false};
		struct crm_cpu bare = bare_in(&m, CRM_INTEL);
		struct crm_cpu g = guest_of(&bare, owned0[k / 4], 0, CR4_GUEST);
		struct crm_insn on = mov_to(0, PROTECTED | CR0_PG), off = mov_to(0, PROTECTED);
		bool exited, valid = pae || !lme;
		struct crm_result r = run_guest(&g, &on, &exited);

		assert_int_equal(r.verdict, valid ? CRM_OK : CRM_GP);
		assert_int_equal(g.efer, lme ? (valid ? LONG : EFER_LME) : 0);
		assert_int_equal((r.effects & CRM_LMA_SET) != 0, lme && valid);
		if (!valid)
			continue;
		g.cs_l = lme;
		r = run_guest(&g, &off, &exited);
		assert_int_equal(r.verdict, lme ? CRM_GP : CRM_OK); /* 64-bit code may not */
		g.cs_l = false;
		r = run_guest(&g, lme ? &off : &on, &exited);
		assert_int_equal(r.verdict, CRM_OK);
		assert_int_equal((r.effects & CRM_LMA_CLEAR) != 0, lme);
		assert_int_equal(g.efer, lme ? EFER_LME : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transitions_intel),
		cmocka_unit_test(test_transitions_amd),
		cmocka_unit_test(test_withheld_bits),
		cmocka_unit_test(test_long_mode_both_ways),
	};

	return RUN(tests);
}
