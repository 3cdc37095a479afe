/* SPDX-License-Identifier: MIT */
/*
 * The intercepts of CR0 and CR4 in the VMCB are those that the model wants (test_crm_svm shows that
 * they keep the law), each register's its own, and what Lamina must own where the CPU does not
 * judge.
 */
#include "svm_world.h"
#include "x86/cr.h"

struct svm_caps svm_caps;

static void set(enum crm_name n, u64 hw, u64 shadow, u64 owned)
{
	vmcb_write(v, n == CRM_CR0 ? VMCB_CR0 : VMCB_CR4, hw);
	svm.cr[n].shadow = shadow;
	svm.cr[n].owned = owned;
	vmcb_write(v, VMCB_INTERCEPTS1, ~0u);
	vmcb_write(v, VMCB_CLEAN, 0x7ff);
	svm_cr_intercept(v);
	assert_int_equal(vmcb_read(v, VMCB_CLEAN), 0x7fe);
	assert_int_equal(vmcb_read(v, VMCB_INTERCEPTS1) | 1u << 5, ~0u);
}

static bool selective(void)
{
	return vmcb_read(v, VMCB_INTERCEPTS1) & 1u << 5; /* exit code 65h */
}

/* Bits 15:0 are reads by register, 31:16 writes (AMD APM vol. 2, appendix B). */
static void test_registers(void **state)
{
	(void)state;
	world_restart();
	set(CRM_CR0, 0x11, 0x11, 0);
	set(CRM_CR4, 0x20, 0x20, 0);
	assert_int_equal(vmcb_read(v, VMCB_CR_INTERCEPTS), 0);
	assert_false(selective());
	set(CRM_CR4, 0x20, 0x20, ~0ULL);
	assert_int_equal(vmcb_read(v, VMCB_CR_INTERCEPTS), 1u << 20);
	set(CRM_CR4, 0x20, 0x30, ~0ULL); /* the guest reads what is not there */
	assert_int_equal(vmcb_read(v, VMCB_CR_INTERCEPTS), 1u << 20 | 1u << 4);
	set(CRM_CR4, 0x20, 0x20, 0);
	set(CRM_CR0, 0x31, 0x11, CR0_NE);
	assert_true(vmcb_read(v, VMCB_CR_INTERCEPTS) & 1);
	assert_false(vmcb_read(v, VMCB_CR_INTERCEPTS) & (1u << 4 | 1u << 20));
}

static void test_model(void **state)
{
	(void)state;
	world_restart();
	for (u32 bit = 0; bit < 32; bit++)
		for (u32 differs = 0; differs < 2; differs++) {
			u64 shadow = differs ? BIT(bit) : 0;
			struct crm_cr c = {.hw = 0, .shadow = shadow, .owned = BIT(bit)};
			struct crm_intercepts i = crm_svm_intercepts(CRM_CR0, &c);

			set(CRM_CR0, c.hw, c.shadow, c.owned);
			assert_int_equal(vmcb_read(v, VMCB_CR_INTERCEPTS),
					 (u32)i.read | (u32)i.write << 16);
			assert_int_equal(selective(), i.selective);
		}
}

static void test_limits(void **state)
{
	(void)state;
	svm_caps = (struct svm_caps){.cr4 = CR4_PAE};
	assert_int_equal(svm_cr_limits(CRM_CR0).must0, 0xffffffff00000000);
	assert_int_equal(svm_cr_limits(CRM_CR4).must0, ~CR4_PAE);
	assert_int_equal(svm_cr_limits(CRM_CR0).must1 | svm_cr_limits(CRM_CR4).must1, 0);
	assert_int_equal(svm_cr_limits(CRM_CR0).unjudged | svm_cr_limits(CRM_CR4).unjudged, 0);
	svm_caps.tcg = true;
	assert_int_equal(svm_cr_limits(CRM_CR0).unjudged & svm_cr_limits(CRM_CR4).unjudged, ~0ULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_limits),
	};

	return RUN(tests);
}
