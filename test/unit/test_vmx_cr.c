/* SPDX-License-Identifier: MIT */
/* CR0 on a VMCS that is an array. */
#include "unit.h"
#include "vmx/vmx.h"
#include "x86/cr.h"
#include "x86/insn.h"

struct vmx_caps vmx_caps;

/* CD and NW are in the real register, which no entry loads; the rest of it is Lamina's. */
static void test_cache_bits(void **state)
{
	const u64 host = CR0_PG | CR0_WP | CR0_NE | CR0_PE;

	(void)state;
	for (u32 i = 0; i < 4; i++) {
		u64 bits = (i & 1 ? CR0_CD : 0) | (i & 2 ? CR0_CD | CR0_NW : 0);

		write_cr0(host | (i == 0 ? CR0_CD | CR0_NW : 0));
		vmx_set_cr0(bits | CR0_AM);
		assert_int_equal(read_cr0(), host | bits);
		assert_int_equal(vmread(VMCS_GUEST_CR0), bits | CR0_AM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_bits),
	};

	return RUN(tests);
}
