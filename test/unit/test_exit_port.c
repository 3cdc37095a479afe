/* SPDX-License-Identifier: MIT */
/* The handler of port exits, with the rest of Lamina played by the test. */
#include "unit.h"
#include "core/core.h"
#include "core/exit_handlers.h"
#include "core/page.h"
#include "core/port.h"
#include "core/serial.h"
#include "core/suspend.h"
#include "core/trace.h"
#include "core/world.h"
#include "hv/hypapp.h"
#include "iommu/iommu.h"
#include "x86/insn.h"

#define PM1A 0xb004

struct machine machine;
const struct backend *backend;

static struct vcpu vcpu;
static struct vcpu *const v = &vcpu;
static u32 reports, wipes, gos, waits;
static u8 slp_typ;
static bool resets, prepared; /* what the guard says of an output, and suspend_prepare */
static bool trapped_port[0x10000];

void say(const char *f, ...)
{
	(void)f;
}

void say_line(const char *line)
{
	(void)line;
}

u64 page_used(void)
{
	return 0;
}

void iommu_report(emit_fn emit)
{
	(void)emit;
}

void hypapps_report(emit_fn emit)
{
	assert_true(emit == say_line);
	reports++;
}

/* Before the output, and the others stand still until it is done. */
bool hypapps_wipe(struct vcpu *cpu)
{
	assert_ptr_equal(cpu, v);
	assert_int_equal(fake_cpu->port_count, 0);
	assert_int_equal(gos, wipes);
	wipes++;
	return !prepared;
}

bool suspend_prepare(struct vcpu *cpu, u8 type)
{
	assert_ptr_equal(cpu, v);
	assert_int_equal(fake_cpu->port_count, 0);
	slp_typ = type;
	prepared = type == 5;
	return prepared;
}

void suspend_wait(struct vcpu *cpu)
{
	assert_ptr_equal(cpu, v);
	assert_int_equal(fake_cpu->port_count, 1);
	waits++;
}

bool guard_sees_reset(const struct exit *x, u32 value)
{
	(void)x;
	(void)value;
	return resets;
}

/* 60h is guarded. */
bool ports_open(const struct exit *x)
{
	for (u32 i = 0; i < x->port.size && x->port.port != 0x60; i++)
		trapped_port[x->port.port + i] = false;
	return x->port.port != 0x60;
}

enum exit_answer inject_gp(struct vcpu *cpu)
{
	assert_ptr_equal(cpu, v);
	return EXIT_INJECTED;
}

void world_go(struct vcpu *cpu)
{
	assert_ptr_equal(cpu, v);
	gos++;
}

static void trap_port(u16 port, bool on)
{
	trapped_port[port] = on;
}

static const struct backend fake_backend = {.trap_port = trap_port};

static void restart(void)
{
	reports = wipes = gos = 0;
	resets = prepared = false;
	memset(&machine, 0, sizeof(machine));
	memset(fake_cpu, 0, sizeof(*fake_cpu));
	backend = &fake_backend;
	machine.pm.pm1a_cnt = PM1A;
	for (u32 i = 0; i < GPR_COUNT; i++)
		v->gpr[i] = rnd();
}

static enum exit_answer access_port(u16 port, u8 size, bool in, bool string)
{
	struct exit x = {.kind = EXIT_PORT, .port = {port, size, in, string}};

	return exit_port(v, &x);
}

static void test_port_in(void **state)
{
	static const u64 mask[] = {0, 0xff, 0xffff, 0, 0xffffffff};

	(void)state;
	for (u8 size = 1; size <= 4; size *= 2) {
		u64 rax;

		restart();
		rax = v->gpr[GPR_RAX];
		fake_cpu->port_in = 0x89abcdef;
		assert_int_equal(access_port(PM1A, size, true, false), EXIT_ADVANCE);
		rax = size == 4 ? 0 : rax & ~mask[size];
		assert_int_equal(v->gpr[GPR_RAX], rax | (0x89abcdef & mask[size]));
		assert_int_equal(fake_cpu->port_count, 1);
		assert_int_equal(fake_cpu->port[0].size, size);
		assert_int_equal(reports, 0);
	}
}

/* SLP_EN is bit 13 of the register, however it is written. */
static void test_power_off(void **state)
{
	static const struct {
		u16 port;
		u8 size;
		u32 value;
		bool off;
	} cases[] = {
		{PM1A, 2, 0x2000, true},       {PM1A, 2, 0x3c01, true},
		{PM1A, 2, 0x1c01, false},      {PM1A, 4, 0x2000, true},
		{PM1A, 1, 0x20, false},	       {PM1A + 1, 1, 0x20, true},
		{PM1A + 1, 1, 1, false},       {PM1A + 1, 2, 0x0020, true},
		{PM1A + 1, 2, 0x2000, false},  {PM1A, 1, 0x2000, false},
		{PM1A - 1, 4, 0x200000, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		restart();
		slp_typ = 0;
		v->gpr[GPR_RAX] = 0xffffffff00000000 | cases[i].value;
		assert_int_equal(access_port(cases[i].port, cases[i].size, false, false),
				 EXIT_ADVANCE);
		assert_int_equal(reports, cases[i].off);
		assert_int_equal(wipes, cases[i].off);
		assert_int_equal(slp_typ, cases[i].value == 0x3c01 ? 7 : 0);
		assert_int_equal(gos, cases[i].off);
		assert_int_equal(fake_cpu->port_count, 1);
		assert_int_equal(fake_cpu->port[0].port, cases[i].port);
		assert_int_equal(fake_cpu->port[0].size, cases[i].size);
	}
}

/* A guest that stays on may do it again, but not fill the line. */
static void test_reports_end(void **state)
{
	(void)state;
	restart();
	v->gpr[GPR_RAX] = 0x2000;
	for (u32 i = 0; i < 100; i++) {
		access_port(PM1A, 2, false, false);
		assert_int_equal(fake_cpu->port_count, 1);
		fake_cpu->port_count = 0;
	}
	assert_in_range(reports, 1, 10);
}

/* No report, secrets are wiped where the others stand already, and the output is followed by
 * nothing but the wait. */
static void test_suspend(void **state)
{
	(void)state;
	restart();
	waits = 0;
	v->gpr[GPR_RAX] = 0x2000 | 5 << 10;
	assert_int_equal(access_port(PM1A, 2, false, false), EXIT_ADVANCE);
	assert_int_equal(waits, 1);
	assert_int_equal(wipes, 1);
	assert_int_equal(reports + gos, 0);
}

static void test_reset(void **state)
{
	(void)state;
	for (u32 i = 0; i < 2; i++) {
		restart();
		resets = i;
		assert_int_equal(access_port(0x64, 1, false, false), EXIT_ADVANCE);
		assert_int_equal(wipes, i);
		assert_int_equal(gos, i);
		assert_int_equal(reports, 0);
		assert_int_equal(fake_cpu->port_count, 1);
	}
}

static void test_port_traps(void **state)
{
	(void)state;
	restart();
	memset(trapped_port, 0, sizeof(trapped_port));
	port_trap_power(true);
	for (u32 port = 0; port < 0x10000; port++)
		assert_int_equal(trapped_port[port], port == PM1A || port == PM1A + 1);
	assert_int_equal(access_port(PM1A, 2, false, true), EXIT_RETRY);
	for (u32 port = 0; port < 0x10000; port++)
		assert_false(trapped_port[port]);
	port_trap_power(true);
	assert_int_equal(access_port(0x60, 1, false, true), EXIT_INJECTED);
	assert_int_equal(access_port(0xfffc, 4, true, true), EXIT_RETRY);
	assert_int_equal(access_port(0xfffd, 4, true, true), EXIT_INJECTED);
	assert_int_equal(access_port(0xffff, 2, false, true), EXIT_INJECTED);
	assert_int_equal(access_port(0xffff, 1, false, true), EXIT_RETRY);
	assert_true(trapped_port[PM1A] && trapped_port[PM1A + 1]);
	assert_int_equal(fake_cpu->port_count, 0);
	port_trap_power(false);
	machine.pm.pm1a_cnt = 0;
	port_trap_power(true);
	assert_false(trapped_port[0] || trapped_port[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_port_in), cmocka_unit_test(test_power_off),
		cmocka_unit_test(test_suspend), cmocka_unit_test(test_reports_end),
		cmocka_unit_test(test_reset),	cmocka_unit_test(test_port_traps),
	};

	return RUN_SEEDED(tests);
}
