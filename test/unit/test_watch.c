/* SPDX-License-Identifier: MIT */
/* What hypapps watch, and their timer. */
#include "hypapp_world.h"

static void set_clock(u64 tsc)
{
	fake_cpu->tsc = tsc;
}

static bool trapped(u32 msr, bool read)
{
	for (u32 i = 0; i < trap_count; i++)
		if (traps[i].msr == msr)
			return read ? traps[i].read : traps[i].write;
	return false;
}

static void test_cr_watch(void **state)
{
	(void)state;
	start("");
	cr_watch(NULL, CRM_CR4, CR4_SMEP | CR4_PSE, true);
	assert_int_equal(agains, 0); /* no CPU runs yet */
	cr_watch(v, CRM_CR4, CR4_SMEP, true);
	assert_int_equal(agains, 2);
	cr_watch(v, CRM_CR4, CR4_SMEP | CR4_PSE, false);
	assert_int_equal(cr_watched[CRM_CR4], CR4_SMEP);
	cr_watch(v, CRM_CR4, CR4_SMEP, false);
	assert_int_equal(cr_watched[CRM_CR4], 0);
	assert_int_equal(cr_watched[CRM_CR0], 0);
}

static void test_msr_watch(void **state)
{
	static const u32 not [] = {MSR_X2APIC_ICR, MSR_PAT,    MSR_DEBUGCTL, MSR_FS_BASE,
				   MSR_GS_BASE,	   0x40000000, 0x2000,	     0xc0012000};

	(void)state;
	start("");
	for (u32 i = 0; i < ARRAY_SIZE(not ); i++)
		assert_false(msr_watch(not [i], true));
	assert_false(msr_watch(MSR_LSTAR, false)); /* nobody watches */
	assert_true(msr_watch(MSR_LSTAR, true));
	assert_int_equal(hypapp_kinds, BIT(EXIT_RDMSR) | BIT(EXIT_WRMSR));
	assert_true(msr_watch(MSR_LSTAR, true));
	assert_true(msr_watch(MSR_EFER, true));
	assert_true(msr_watch(MSR_APIC_BASE, true));
	assert_true(msr_watch(MSR_LSTAR, false));
	assert_true(trapped(MSR_LSTAR, false));
	assert_true(trapped(MSR_APIC_BASE, true));
	assert_true(msr_watch(MSR_LSTAR, false));
	assert_false(trapped(MSR_LSTAR, false));
	assert_true(trapped(MSR_APIC_BASE, true));
	assert_true(msr_watch(MSR_EFER, false)); /* still core's */
	assert_true(trapped(MSR_EFER, true));
	assert_true(msr_watch(MSR_APIC_BASE, false));
	for (u32 i = 0; i < 64; i++)
		assert_true(msr_watch(0x100 + i, true));
	assert_false(msr_watch(0x200, true));
	for (u32 i = 0; i < 64; i++)
		assert_true(msr_watch(0x100 + i, false));
}

/* Of an MSR that the guest does not share with Lamina the CPU judges the value, and keeps its own.
 */
static void test_kept(void **state)
{
	struct exit write = {.kind = EXIT_WRMSR}, read = {.kind = EXIT_RDMSR};
	u64 value;

	(void)state;
	start("");
	fake_msr(MSR_LSTAR, 0x1234, 0xffffffff);
	v->gpr[GPR_RCX] = MSR_LSTAR;
	v->gpr[GPR_RAX] = 0x5678;
	v->gpr[GPR_RDX] = 0;
	assert_int_equal(hypapps_on_exit(v, &write), EXIT_ADVANCE);
	assert_int_equal(reg[REG_LSTAR], 0x5678);
	assert_int_equal(rdmsr(MSR_LSTAR), 0x1234);
	v->gpr[GPR_RDX] = 1;
	assert_int_equal(hypapps_on_exit(v, &write), EXIT_INJECTED);
	assert_int_equal(gps, 1);
	assert_int_equal(reg[REG_LSTAR], 0x5678);
	reg[REG_LSTAR] = 0xabcd00001111;
	assert_int_equal(hypapps_on_exit(v, &read), EXIT_ADVANCE);
	assert_int_equal(v->gpr[GPR_RAX], 0x1111);
	assert_int_equal(v->gpr[GPR_RDX], 0xabcd);
	assert_true(msr_read(v, MSR_LSTAR, &value));
	assert_int_equal(value, 0xabcd00001111);
	reg[REG_EFER] = EFER_SCE;
	assert_true(msr_read(v, MSR_EFER, &value));
	assert_int_equal(value, EFER_SCE);
	assert_false(msr_read(v, 0x999, &value));
	v->gpr[GPR_RCX] = MSR_EFER; /* core does that */
	assert_int_equal(hypapps_on_exit(v, &write), EXIT_PASS);
}

static void test_port_watch(void **state)
{
	struct exit x = {.kind = EXIT_PORT, .port = {.port = 0x70, .size = 1}};

	(void)state;
	start("");
	assert_true(port_watch(0x70, true));
	assert_true(port_watch(0x70, true));
	assert_true(port_watch(0xb004, true));
	assert_true(port_watch(0xb004, false)); /* core's */
	assert_true(port_trapped[0xb004]);
	assert_true(port_watch(0x70, false));
	assert_true(port_trapped[0x70]);
	assert_int_equal(hypapps_on_exit(v, &x), EXIT_PASS);
	x.port.size = 2;
	assert_true(ports_open(&x));
	assert_false(port_trapped[0x70]);
	assert_true(port_watch(0x70, false));
	assert_false(port_watch(0x70, false));
}

/* Once, at the first exit behind that tick; the earlier of two. */
static void test_timer(void **state)
{
	struct exit x = {.kind = EXIT_CPUID};

	(void)state;
	start("hypapps=second");
	timers = 0;
	has_timer = true;
	set_clock(1000);
	timer_set(v, 1500);
	assert_int_equal(timer_ticks, 500);
	set_clock(1000);
	timer_set(v, 1700);
	assert_int_equal(timer_ticks, 500);
	set_clock(1000);
	timer_set(v, 1400);
	assert_int_equal(timer_ticks, 400);
	assert_int_equal(hypapp_kinds, ~0u);
	set_clock(1399);
	assert_int_equal(hypapps_on_exit(v, &x), EXIT_PASS);
	assert_int_equal(timer_ticks, 1);
	assert_int_equal(timers, 0);
	set_clock(1400);
	hypapps_on_exit(v, &x);
	hypapps_on_exit(v, &x);
	assert_int_equal(timers, 1);
	assert_int_equal(timer_ticks, 0);
	timer_set(v, 3000);
	hypapps_woken(); /* whatever was set is from before the suspend */
	assert_int_equal(forgotten, 1);
	set_clock(4000);
	hypapps_on_exit(v, &x);
	assert_int_equal(timers, 1);
	timer_set(v, 7); /* it is late already */
	assert_int_equal(timer_ticks, 1);
	hypapps_on_exit(v, &x);
	assert_int_equal(timers, 2);
}

/* Without a timer each interrupt makes an exit, and is let in before the next. */
static void test_timer_by_interrupts(void **state)
{
	struct exit cpuid = {.kind = EXIT_CPUID}, intr = {.kind = EXIT_INTR};

	(void)state;
	start("hypapps=second");
	timers = 0;
	has_timer = false;
	set_clock(1000);
	timer_set(v, 2000);
	assert_true(interrupts_trapped);
	hypapps_on_exit(v, &intr);
	assert_false(interrupts_trapped);
	hypapps_on_exit(v, &cpuid);
	assert_true(interrupts_trapped);
	assert_int_equal(timers, 0);
	set_clock(2001);
	hypapps_on_exit(v, &intr);
	assert_false(interrupts_trapped);
	assert_int_equal(timers, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cr_watch), cmocka_unit_test(test_msr_watch),
		cmocka_unit_test(test_kept),	 cmocka_unit_test(test_port_watch),
		cmocka_unit_test(test_timer),	 cmocka_unit_test(test_timer_by_interrupts),
	};

	return RUN(tests);
}
