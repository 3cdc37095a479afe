/* SPDX-License-Identifier: MIT */
/* When the ICR is trapped, and at which pages: of the platform, the vendor, and each CPU's APIC. */
#include "smp_world.h"

void wait_nmi(struct vcpu *v)
{
	fail_msg("CPU %u sleeps", v->index);
}

static u32 traps(void)
{
	u32 n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(trapped_pages); i++)
		n += trapped_pages[i] != 0;
	return n;
}

static void move_apic(u32 cpu, u64 page)
{
	u64 old = atomic_load(&world_pcpu[cpu].pub.apic_page);

	atomic_store(&world_pcpu[cpu].pub.apic_page, page);
	sipi_apic_moved(&world_pcpu[cpu], old);
}

/* Every page at which a CPU has its APIC is trapped, and none that no CPU has it at. */
static void test_moved_apics(void **state)
{
	const u64 other = APIC_PAGE + MiB(1), third = MiB(16);

	(void)state;
	world_start(2, OPT_SIPI_HOLD);
	move_apic(0, other);
	assert_true(is_trapped(APIC_PAGE) && is_trapped(other) && traps() == 2);
	assert_true(sipi_owns_page(other + 0x300) && sipi_owns_page(APIC_PAGE + 0xff0));
	send(0, world[1].apic_id, ICR_INIT);
	assert_true(atomic_load(&world_pcpu[1].pub.mail) & MAIL_INIT);
	move_apic(1, other);
	assert_true(is_trapped(other) && traps() == 1);
	assert_false(sipi_owns_page(APIC_PAGE));
	move_apic(0, third);
	assert_true(is_trapped(other) && is_trapped(third) && traps() == 2);
	move_apic(0, 0); /* x2APIC */
	assert_true(is_trapped(other) && traps() == 1);
	move_apic(1, 0);
	assert_int_equal(traps(), 0);
	world_start(1, OPT_SIPI_ICR);
	move_apic(0, other);
	assert_int_equal(traps(), 0);
}

/* The platform decides: version 14h without a hypervisor's CPUID bit is an emulator. */
static void test_strategy(void **state)
{
	(void)state;
	world_start(2, OPT_SIPI_AUTO);
	assert_true(machine.sipi_icr);
	fake_cpu->leaf_1.ecx |= CPUID_1_ECX_HYPERVISOR;
	sipi_init();
	assert_false(machine.sipi_icr);
}

/* On AMD-V the ICR is trapped, for good where an INIT would take the CPU out of Lamina's hands. */
static void test_strategy_amd(void **state)
{
	struct backend amd = world_backend;
	static const u32 asked[] = {OPT_SIPI_AUTO, OPT_SIPI_ICR, OPT_SIPI_HOLD, OPT_SIPI_EXIT};

	(void)state;
	amd.vendor = CRM_AMD;
	for (u32 i = 0; i < ARRAY_SIZE(asked); i++) {
		world_start(2, asked[i]);
		backend = &amd;
		sipi_init();
		/* an emulator whose INIT waits for GIF */
		assert_true(machine.sipi_icr && sipi.init_pends && !sipi.loses_init);
		assert_int_equal(sipi.hold, asked[i] == OPT_SIPI_HOLD);
		fake_cpu->leaf_1.ecx |= CPUID_1_ECX_HYPERVISOR; /* one whose INIT does not */
		sipi_init();
		assert_true(machine.sipi_icr && sipi.hold && !sipi.init_pends);
		fake_cpu->leaf_1.ecx &= ~CPUID_1_ECX_HYPERVISOR;
		fake_msr(MSR_VM_CR, VM_CR_R_INIT, 0);
		sipi_init();
		assert_true(machine.sipi_icr && !sipi.loses_init);
		assert_int_equal(sipi.hold, asked[i] == OPT_SIPI_HOLD);
		fake_msr(MSR_VM_CR, 0, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moved_apics),
		cmocka_unit_test(test_strategy),
		cmocka_unit_test(test_strategy_amd),
	};

	return RUN(tests);
}
