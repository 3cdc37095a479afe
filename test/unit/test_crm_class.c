/* SPDX-License-Identifier: MIT */
/* Which bits there are, which a guest may have, which a hypervisor has to own, and what VMX
 * demands. */
#include "crm_world.h"

/* S21: 64 bits, five classes, each bit in one of them, and no class but with the bits listed here.
 */
static void test_one_class_each(void **state)
{
	static const u64 due[CRM_CRS][CRM_CLASSES] = {
		[CRM_CR0] = {[CRM_GUEST] = CR0_DEFINED & ~CR0_ET,
			     [CRM_FIXED] = CR0_ET,
			     [CRM_IGNORED] = 0xffffffff & ~CR0_DEFINED,
			     [CRM_RESERVED] = 0xffffffff00000000},
		[CRM_CR4] = {[CRM_GUEST] = CR4_GUEST,
			     [CRM_HIDDEN] = CR4_HIDDEN,
			     [CRM_RESERVED] = ~(CR4_GUEST | CR4_HIDDEN)},
	};

	(void)state;
	for (u32 n = 0; n < CRM_CRS; n++)
		for (u32 bit = 0; bit < 64; bit++) {
			u32 classes = 0;

			for (u32 k = 0; k < CRM_CLASSES; k++) {
				u64 bits = crm_class((enum crm_name)n, (enum crm_class)k);

				classes += bits >> bit & 1;
				assert_int_equal(bits, due[n][k]);
			}
			assert_int_equal(classes, 1);
		}
}

/* F6, G8, G10: the CPUID bit of each CR4 bit (Intel SDM vol. 2A, CPUID; vol. 3A, 2.5). */
static u64 told_by(enum crm_cpuid_word word, u32 bit)
{
	static const struct {
		enum crm_cpuid_word word;
		u32 bit;
		u64 cr4;
	} words[] = {
		{CRM_CPUID_1_EDX, 1, CR4_VME | CR4_PVI}, {CRM_CPUID_1_EDX, 2, CR4_DE},
		{CRM_CPUID_1_EDX, 3, CR4_PSE},		 {CRM_CPUID_1_EDX, 4, CR4_TSD},
		{CRM_CPUID_1_EDX, 6, CR4_PAE | CR4_PCE}, {CRM_CPUID_1_EDX, 7, CR4_MCE},
		{CRM_CPUID_1_EDX, 13, CR4_PGE},		 {CRM_CPUID_1_EDX, 24, CR4_OSFXSR},
		{CRM_CPUID_1_EDX, 25, CR4_OSXMMEXCPT},	 {CRM_CPUID_1_ECX, 5, CR4_VMXE},
		{CRM_CPUID_1_ECX, 6, CR4_SMXE},		 {CRM_CPUID_1_ECX, 17, CR4_PCIDE},
		{CRM_CPUID_1_ECX, 26, CR4_OSXSAVE},	 {CRM_CPUID_7_EBX, 0, CR4_FSGSBASE},
		{CRM_CPUID_7_EBX, 7, CR4_SMEP},		 {CRM_CPUID_7_EBX, 20, CR4_SMAP},
		{CRM_CPUID_7_ECX, 2, CR4_UMIP},		 {CRM_CPUID_7_ECX, 3, CR4_PKE},
		{CRM_CPUID_7_ECX, 7, CR4_CET},		 {CRM_CPUID_7_ECX, 16, CR4_LA57},
		{CRM_CPUID_7_ECX, 23, CR4_KL},		 {CRM_CPUID_7_ECX, 31, CR4_PKS},
		{CRM_CPUID_7_EDX, 5, CR4_UINTR},	 {CRM_CPUID_7_1_EAX, 6, CR4_LASS},
		{CRM_CPUID_7_1_EAX, 17, CR4_FRED},	 {CRM_CPUID_7_1_EAX, 26, CR4_LAM_SUP},
	};
	u64 cr4 = 0;

	for (u32 i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].word == word && words[i].bit == bit)
			cr4 |= words[i].cr4;
	return cr4;
}

static void test_cpuid_tells(void **state)
{
	const u32 none[CRM_CPUID_WORDS] = {0};
	u64 all = 0;

	(void)state;
	assert_int_equal(crm_cr4_by_cpuid(none), 0);
	for (u32 w = 0; w < CRM_CPUID_WORDS; w++)
		for (u32 bit = 0; bit < 32; bit++) {
			u32 one[CRM_CPUID_WORDS] = {0}, others[CRM_CPUID_WORDS];
			u64 due = told_by((enum crm_cpuid_word)w, bit);

			one[w] = 1u << bit;
			for (u32 k = 0; k < CRM_CPUID_WORDS; k++)
				others[k] = ~one[k];
			assert_int_equal(crm_cr4_by_cpuid(one), due);
			assert_int_equal(crm_cr4_by_cpuid(others) & due, 0);
			all |= due;
		}
	assert_int_equal(all, CR4_GUEST | CR4_HIDDEN);
}

/* F5: PE and PG are exempt only for an unrestricted guest, NE never, and nothing in CR4 is. */
static void test_vmx_limits(void **state)
{
	(void)state;
	for (u32 round = 0; round < 10000; round++) {
		u64 fixed1 = rnd() | 0x80000021, fixed0 = (fixed1 & rnd()) | 0x80000021;

		for (u32 n = 0; n < CRM_CRS; n++)
			for (u32 ug = 0; ug < 2; ug++) {
				struct crm_limits l =
					crm_vmx_limits((enum crm_name)n, fixed0, fixed1, ug);
				u64 exempt = n == CRM_CR0 && ug ? CR0_PE | CR0_PG : 0;

				for (u32 bit = 0; bit < 64; bit++) {
					bool f0 = fixed0 >> bit & 1, f1 = fixed1 >> bit & 1;
					bool ex = exempt >> bit & 1;

					assert_int_equal(l.must1 >> bit & 1, f0 && f1 && !ex);
					assert_int_equal(l.must0 >> bit & 1, !f0 && !f1);
				}
			}
	}
}

/* F1, S10: with the usual FIXED MSRs any view gives a register that VM entry takes. */
static void test_made_registers_meet_limits(void **state)
{
	(void)state;
	for (u32 round = 0; round < 20000; round++) {
		bool ug = rnd_below(2);
		struct crm_limits l0 = crm_vmx_limits(CRM_CR0, 0x80000021, 0xffffffff, ug);
		struct crm_limits l4 = crm_vmx_limits(CRM_CR4, CR4_VMXE, 0x3727ff, ug);
		u64 view0 = rnd() & 0xffffffff, view4 = rnd() & 0x3727ff & ~CR4_VMXE;
		struct crm_cr c0 = crm_make(&l0, view0, ~0ULL), c4 = crm_make(&l4, view4, ~0ULL);

		assert_int_equal(c0.hw, view0 | (ug ? CR0_NE : 0x80000021));
		assert_int_equal(c4.hw, view4 | CR4_VMXE);
		assert_int_equal(crm_read(&c0), view0);
		assert_int_equal(crm_read(&c4), view4);
		/* S13, S18, S19: the shadow is the view of this register, not a constant */
		assert_int_equal(c0.shadow, view0);
		assert_int_equal(c4.shadow, view4);
	}
}

/* S32, S14: own what is forced, and what the CPU would accept though the guest must not have it; no
 * other bit. Whoever wants more adds a mask; both stay owned. */
static void test_minimum(void **state)
{
	(void)state;
	for (u32 round = 0; round < 20000; round++) {
		u64 fixed1 = (rnd() & (CR4_GUEST | CR4_HIDDEN)) | CR4_VMXE;
		u64 allowed = rnd() & fixed1 & CR4_GUEST;
		struct crm_cpu cpu = {
			.vendor = CRM_INTEL,
			.limits[CRM_CR0] = crm_vmx_limits(CRM_CR0, 0x80000021, 0xffffffff, true),
			.limits[CRM_CR4] = crm_vmx_limits(CRM_CR4, CR4_VMXE, fixed1, true),
			.cr4_allowed = allowed,
		};

		assert_int_equal(crm_minimum(&cpu, CRM_CR0), CR0_NE);
		assert_int_equal(crm_minimum(&cpu, CRM_CR4), fixed1 & ~allowed);
		/* what is neither owned nor allowed, the CPU refuses by itself */
		assert_int_equal(~crm_minimum(&cpu, CRM_CR4) & ~allowed, ~fixed1);
	}
}

/* F5, F8: a forced bit that nobody owns is the CPU's to refuse, both ways; owned, the CPU lets it
 * be (Intel SDM vol. 3C, 26.3). */
static void test_unowned_forced_bits(void **state)
{
	static const u64 bits[] = {CR4_TSD, CR4_DE, CR4_MCE, CR4_VMXE, CR4_OSFXSR};

	(void)state;
	for (u32 k = 0; k < ARRAY_SIZE(bits) * 16; k++) {
		bool forced1 = k & 1, owned = k & 2, forced = k & 4, value = k & 8;
		u64 bit = bits[k / 16], hw = forced1 ? bit : 0;
		struct crm_cpu cpu = bare_in(&modes[3], CRM_INTEL);
		struct crm_insn i = mov_to(4, value ? bit : 0);
		struct crm_result r;

		cpu.cr4_allowed |= CR4_VMXE;
		cpu.cr[CRM_CR4] = (struct crm_cr){hw, value ? bit : 0, owned ? bit : 0};
		if (forced)
			*(forced1 ? &cpu.limits[CRM_CR4].must1 : &cpu.limits[CRM_CR4].must0) = bit;
		r = crm_execute(&cpu, &i);
		assert_int_equal(r.verdict, forced && !owned && value != forced1 ? CRM_GP : CRM_OK);
		if (r.verdict == CRM_OK)
			assert_int_equal(r.next.hw, owned ? hw : i.value);
		assert_int_equal(r.next.owned, owned ? bit : 0);
	}
}

/* S34: masks are 64 bits wide, in a 32-bit program too. */
static void test_masks_are_wide(void **state)
{
	struct crm_limits l = {.must1 = CR4_VMXE};
	struct crm_cr c = crm_make(&l, CR4_PAE, CR4_FRED | CR4_VMXE);
	struct crm_cpu cpu = {.vendor = CRM_INTEL, .cr4_allowed = CR4_GUEST};

	(void)state;
	assert_true(crm_write_exits(&c, CR4_PAE | CR4_FRED));
	assert_false(crm_write_exits(&c, CR4_PAE));
	c.shadow |= CR4_FRED;
	assert_int_equal(crm_read(&c), CR4_PAE | CR4_FRED);
	assert_int_equal(crm_minimum(&cpu, CRM_CR4) >> 32, 0xffffffff);
	assert_int_equal(crm_class(CRM_CR4, CRM_HIDDEN) >> 32, 1);
}

/* C3, C4, S26: CD and NW are ordinary bits of the guest's. RESET and INIT leave 60000010h, which
 * the guest reads whatever is owned, and caching is turned on from there with or without exits. */
static void test_cache_bits(void **state)
{
	static const u64 owned[] = {0, CR0_CD | CR0_NW, CR0_CD, ~0ULL};

	(void)state;
	assert_int_equal(crm_class(CRM_CR0, CRM_GUEST) & (CR0_CD | CR0_NW), CR0_CD | CR0_NW);
	for (u32 k = 0; k < ARRAY_SIZE(owned); k++) {
		struct crm_cpu bare = bare_in(&modes[1], CRM_INTEL);
		struct crm_cpu g = guest_of(&bare, owned[k], 0, CR4_GUEST);
		struct crm_insn half = mov_to(0, CR0_CD | CR0_ET), on = mov_to(0, CR0_ET);
		struct crm_insn bad = mov_to(0, CR0_NW | CR0_ET);
		bool exited;

		assert_int_equal(crm_read(&g.cr[CRM_CR0]), 0x60000010);
		assert_int_equal(run_guest(&g, &bad, &exited).verdict, CRM_GP);
		assert_int_equal(run_guest(&g, &half, &exited).value, CR0_CD | CR0_ET);
		assert_int_equal(exited, (owned[k] & CR0_NW) != 0);
		assert_int_equal(run_guest(&g, &on, &exited).value, CR0_ET);
		assert_int_equal(exited, (owned[k] & CR0_CD) != 0);
		assert_int_equal(g.cr[CRM_CR0].hw, CR0_ET | CR0_NE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_class_each),
		cmocka_unit_test(test_cpuid_tells),
		cmocka_unit_test(test_vmx_limits),
		cmocka_unit_test(test_made_registers_meet_limits),
		cmocka_unit_test(test_minimum),
		cmocka_unit_test(test_unowned_forced_bits),
		cmocka_unit_test(test_masks_are_wide),
		cmocka_unit_test(test_cache_bits),
	};

	return RUN_SEEDED(tests);
}
