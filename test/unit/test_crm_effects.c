/* SPDX-License-Identifier: MIT */
/*
 * What an accepted write brings about besides the register's value: invalidations, PDPTEs,
 * EFER.LMA. The manuals' lists as a table, against the model, for each transition of one bit and of
 * two.
 */
#include "crm_world.h"

struct brings {
	const char *id, *manual;
	enum crm_name name;
	u64 changed, set, cleared;  /* at least one of these bits does that */
	u64 cr0, cr4, efer1, efer0; /* all these bits are (not) there afterwards */
	u64 effects;
	bool intel_only;
};

static const struct brings table[] = {
	{"R3", "Intel SDM vol. 3A, 4.10.4.1; AMD APM vol. 2, 5.5.3", CRM_CR0, .changed = CR0_PG,
	 .effects = CRM_TLB_ALL},
	{"R3", "Intel SDM vol. 3A, 4.10.4.1; AMD APM vol. 2, 5.5.3", CRM_CR4, .changed = CR4_PGE,
	 .effects = CRM_TLB_ALL},
	{"R3", "Intel SDM vol. 3A, 4.10.4.1; AMD APM vol. 2, 5.5.1", CRM_CR4, .cleared = CR4_PCIDE,
	 .effects = CRM_TLB_ALL},
	{"R3", "Intel SDM vol. 3A, 4.10.4.1", CRM_CR4, .changed = CR4_PAE | CR4_PSE,
	 .set = CR4_SMEP, .effects = CRM_TLB_PCID},
	{"E1", "Intel SDM vol. 3A, 10.8.5; AMD APM vol. 2, 14.6", CRM_CR0, .set = CR0_PG,
	 .efer1 = EFER_LME, .effects = CRM_LMA_SET},
	{"E1", "Intel SDM vol. 3A, 10.8.5.4; AMD APM vol. 2, 14.7", CRM_CR0, .cleared = CR0_PG,
	 .efer1 = EFER_LME, .effects = CRM_LMA_CLEAR},
	{"U1", "Intel SDM vol. 3A, 4.1", CRM_CR0, .cleared = CR0_PG, .effects = CRM_UNPAGED},
	{"U1", "Intel SDM vol. 3A, 4.1", CRM_CR0, .set = CR0_PG, .effects = CRM_PAGED},
	{"P1", "Intel SDM vol. 3A, 4.4.1", CRM_CR0, .changed = CR0_CD | CR0_NW | CR0_PG,
	 .cr0 = CR0_PG, .cr4 = CR4_PAE, .efer0 = EFER_LME, .effects = CRM_PDPTE,
	 .intel_only = true},
	{"P1", "Intel SDM vol. 3A, 4.4.1", CRM_CR4,
	 .changed = CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP, .cr0 = CR0_PG, .cr4 = CR4_PAE,
	 .efer0 = EFER_LME, .effects = CRM_PDPTE, .intel_only = true},
};

static u32 seen[ARRAY_SIZE(table)];

static u64 due(const struct crm_cpu *bare, enum crm_name name, u64 new)
{
	u64 old = bare->cr[name].hw, effects = 0;
	u64 cr0 = name == CRM_CR0 ? new : bare->cr[CRM_CR0].hw;
	u64 cr4 = name == CRM_CR4 ? new : bare->cr[CRM_CR4].hw;

	for (u32 i = 0; i < ARRAY_SIZE(table); i++) {
		const struct brings *b = &table[i];
		bool happens = ((old ^ new) & b->changed) || (new & ~old & b->set) ||
			       (old & ~new & b->cleared);

		if (b->name != name || !happens || (b->intel_only && bare->vendor != CRM_INTEL) ||
		    (cr0 & b->cr0) != b->cr0 || (cr4 & b->cr4) != b->cr4 ||
		    (bare->efer & b->efer1) != b->efer1 || (bare->efer & b->efer0))
			continue;
		seen[i]++;
		effects |= b->effects;
	}
	return effects;
}

static void check_effects(const struct crm_cpu *bare, enum crm_name name, u64 value)
{
	struct crm_insn i = mov_to(name == CRM_CR0 ? 0 : 4, value);
	struct crm_result n = crm_native(bare, &i);
	u64 want;

	if (n.verdict != CRM_OK) {
		assert_int_equal(n.effects, 0);
		return;
	}
	want = due(bare, name, n.value);
	if (n.effects != want)
		fail_msg("CR%u := %#llx: effects %#llx, not %#llx: " SAYS, i.cr,
			 (unsigned long long)value, (unsigned long long)n.effects,
			 (unsigned long long)want, SAY(bare));
	for (u32 all = 0; all < 2; all++) { /* S24: done by the CPU, or after an exit */
		struct crm_cpu g = guest_of(bare, all ? ~0ULL : 0, all ? ~0ULL : 0, CR4_GUEST);
		bool exited;

		assert_int_equal(run_guest(&g, &i, &exited).effects, want);
		if (all && n.value != bare->cr[name].hw)
			assert_true(exited);
	}
}

static void effects(enum crm_vendor vendor)
{
	memset(seen, 0, sizeof(seen));
	for (u32 m = 0; m < ARRAY_SIZE(modes); m++) {
		struct crm_cpu bare = bare_in(&modes[m], vendor);

		for (u32 n = 0; n < CRM_CRS; n++)
			for (u32 a = 0; a < 33; a++)
				for (u32 b = a; b < 33; b++)
					check_effects(&bare, (enum crm_name)n,
						      bare.cr[n].hw ^ (BIT(a) | BIT(b)));
	}
	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		if (!seen[i] && !(table[i].intel_only && vendor != CRM_INTEL))
			fail_msg("%s (%s), row %u, was never seen", table[i].id, table[i].manual,
				 i);
}

static void test_effects_intel(void **state)
{
	(void)state;
	effects(CRM_INTEL);
}

/* AMD: no PDPTEs to reload, for nested paging reads them when it walks (AMD APM vol. 2, 15.25.10).
 */
static void test_effects_amd(void **state)
{
	(void)state;
	effects(CRM_AMD);
}

/* P1, P3: a MOV to CR3 loads PDPTEs in PAE paging and in no other mode. */
static void test_cr3_loads_pdptes(void **state)
{
	(void)state;
	for (u32 m = 0; m < ARRAY_SIZE(modes); m++) {
		struct crm_cpu bare = bare_in(&modes[m], CRM_INTEL);
		struct crm_insn i = mov_to(3, 0x2000);
		struct crm_result r = crm_native(&bare, &i);
		bool pae = (modes[m].cr0 & CR0_PG) && (modes[m].cr4 & CR4_PAE) && !modes[m].efer;

		assert_int_equal(r.verdict, CRM_OK);
		assert_int_equal(r.effects, CRM_TLB_PCID | (pae ? CRM_PDPTE : 0));
	}
}

/* R1: bit 63 asks for no invalidation and is not stored; without PCIDE it is reserved. P4: the low
 * bits are nobody's business. */
static void test_cr3_bits(void **state)
{
	(void)state;
	for (u32 pcide = 0; pcide < 2; pcide++)
		for (u32 bit = 0; bit < 64; bit++) {
			struct mode m = {"", PAGED, CR4_PAE | (pcide ? CR4_PCIDE : 0), LONG, true};
			struct crm_cpu bare = bare_in(&m, CRM_INTEL);
			struct crm_insn i = mov_to(3, 0x3000 | BIT(bit));
			struct crm_result r = run_native(&bare, &i);
			bool keep = pcide && bit == 63;

			assert_int_equal(r.verdict, bit < bare.phys_bits || keep ? CRM_OK : CRM_GP);
			if (r.verdict != CRM_OK) {
				assert_int_equal(bare.cr3, 0x1000);
				continue;
			}
			assert_int_equal(bare.cr3, keep ? 0x3000 : 0x3000 | BIT(bit));
			assert_int_equal(r.effects, keep ? 0 : CRM_TLB_PCID);
			i = (struct crm_insn){.op = CRM_MOV_FROM, .cr = 3};
			assert_int_equal(crm_native(&bare, &i).value, bare.cr3);
			bare.cs_l = false; /* compatibility mode */
			assert_int_equal(crm_native(&bare, &i).value, (u32)bare.cr3);
		}
}

/* P1, P4: each bit of each PDPTE; those that must be 0 count only if the entry is present. */
static void test_pdptes(void **state)
{
	(void)state;
	for (u32 phys_bits = 36; phys_bits <= 52; phys_bits++)
		for (u32 i = 0; i < 4; i++)
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

/* U1: what has to be off in hw while an unpaged guest runs on tables of the hypervisor's own. */
static void test_paged_only_bits(void **state)
{
	(void)state;
	assert_int_equal(CRM_CR4_PAGED_ONLY, CR4_SMEP | CR4_SMAP | CR4_PKE | CR4_PKS);
	for (u32 round = 0; round < 10000; round++) {
		u64 view = rnd() & CR4_GUEST & ~(CR4_PCIDE | CR4_VMXE), owned = CRM_CR4_PAGED_ONLY;
		struct crm_limits l = {.must0 = CRM_CR4_PAGED_ONLY};
		struct crm_cr c = crm_make(&l, view, owned);

		assert_int_equal(crm_read(&c), view);
		assert_int_equal(c.hw & CRM_CR4_PAGED_ONLY, 0);
		assert_int_equal(crm_write_exits(&c, view ^ CR4_PSE), false);
		assert_int_equal(crm_write_exits(&c, view ^ CR4_SMAP), true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_effects_intel),	 cmocka_unit_test(test_effects_amd),
		cmocka_unit_test(test_cr3_loads_pdptes), cmocka_unit_test(test_cr3_bits),
		cmocka_unit_test(test_pdptes),		 cmocka_unit_test(test_paged_only_bits),
	};

	return RUN_SEEDED(tests);
}
