/* SPDX-License-Identifier: MIT */
/* Whom Lamina blames for a triple fault, with the rest of Lamina played by the test. */
#include <setjmp.h>

#include "unit.h"
#include "core/core.h"
#include "core/exit_handlers.h"
#include "core/layout.h"
#include "core/panic.h"
#include "core/serial.h"
#include "hv/hypapp.h"
#include "lib/fmt.h"
#include "x86/insn.h"

#define GUEST_CR3 0x5f2a000
#define OUR_CR3	  0x7c54000

struct machine machine;
const struct backend *backend;

static struct pcpu pcpu = {.vcpu.index = 1};
static struct fake_cpu cpu = {.gs = &pcpu, .cr[3] = OUR_CR3};
static u64 guest_cr3;
static char said[256];
static bool wiped;
static jmp_buf down;

static void keep(const char *f, va_list ap)
{
	fmt_va(said, sizeof(said), f, ap);
}

void say(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	keep(f, ap);
	va_end(ap);
}

void panic(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	keep(f, ap);
	va_end(ap);
	longjmp(down, 2);
}

bool hypapps_wipe(struct vcpu *v)
{
	assert_ptr_equal(v, &pcpu.vcpu);
	assert_int_equal(fake_cpu->port_count, 0);
	wiped = true;
	return true;
}

static u64 state_get(struct vcpu *v, enum cpu_reg r)
{
	assert_ptr_equal(v, &pcpu.vcpu);
	assert_int_equal(r, REG_CR3);
	return guest_cr3;
}

static void halted(void)
{
	longjmp(down, 1);
}

/* How the machine went down, 1 by a reset, 2 by a panic. */
static int shut(u64 cr3, u64 rip)
{
	struct exit x = {.kind = EXIT_SHUTDOWN, .rip = rip};
	int how = setjmp(down);

	if (how)
		return how;
	guest_cr3 = cr3;
	wiped = false;
	cpu.port_count = 0;
	exit_shutdown(&pcpu.vcpu, &x);
	return 0;
}

static void test_guest(void **state)
{
	(void)state;
	machine.opt.shutdown = OPT_SHUTDOWN_RESET;
	assert_int_equal(shut(GUEST_CR3, 0x7c0e), 1);
	assert_string_equal(
		said,
		"the guest shut CPU 1 down (triple fault) at RIP 7c0e; resetting the machine");
	assert_true(wiped);
	assert_int_equal(cpu.port[0].port, 0xcf9);
	assert_int_equal(shut(GUEST_CR3, HV_VMA + 0x22878), 1);
	assert_non_null(strstr(said, "the guest shut CPU 1"));
	assert_int_equal(shut(OUR_CR3, HV_VMA - 1), 1);
	assert_non_null(strstr(said, "the guest shut CPU 1"));
}

static void test_platform(void **state)
{
	(void)state;
	machine.opt.shutdown = OPT_SHUTDOWN_PANIC;
	assert_int_equal(shut(OUR_CR3, HV_VMA), 2);
	assert_string_equal(
		said,
		"the platform, with Lamina's state, shut CPU 1 down (triple fault) at RIP ffffffff80000000");
	assert_false(wiped);
}

static int setup(void **state)
{
	static struct backend b;

	(void)state;
	b.state_get = state_get;
	backend = &b;
	fake_cpu = &cpu;
	fake_halted = halted;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_guest, setup),
		cmocka_unit_test_setup(test_platform, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
