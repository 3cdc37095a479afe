/* SPDX-License-Identifier: MIT */
/* Which outputs reset the machine, and the wiping before. */
#include "hypapp_world.h"

#define NO_PORT 0

static struct exit port(u16 number, u8 size, bool string)
{
	return (struct exit){.kind = EXIT_PORT,
			     .port = {.port = number, .size = size, .string = string}};
}

static bool resets(u16 number, u8 size, u32 value)
{
	struct exit x = port(number, size, false);

	return guard_sees_reset(&x, value);
}

static void setup(u16 reset_port, u8 reset_value)
{
	start("hypapps=second");
	machine.pm.pm1a_cnt = 0xb004;
	machine.pm.reset_port = reset_port;
	machine.pm.reset_value = reset_value;
	wipes = stops = gos = 0;
	stopped = false;
	reset_guard();
}

static const u16 ports[] = {0xcf9, 0x64, 0x92, 0x1234, 0xb004, 0xb005};

static void test_armed_only_once_asked(void **state)
{
	struct exit x = port(0x64, 1, true);

	(void)state;
	start("");
	assert_false(resets(0x64, 1, 0xfe));
	assert_false(guard_has(&x));
	for (u32 i = 0; i < ARRAY_SIZE(ports); i++)
		assert_false(port_trapped[ports[i]]);
	setup(0x1234, 5);
	for (u32 i = 0; i < ARRAY_SIZE(ports); i++)
		assert_true(port_trapped[ports[i]]);
	assert_false(port_trapped[0x60]);
}

static void test_resets(void **state)
{
	static const struct {
		u16 port;
		u8 size;
		u32 value;
		bool resets;
	} cases[] = {
		{0xcf9, 1, 6, true},	 {0xcf9, 1, 4, true},	   {0xcf9, 1, 2, false},
		{0xcf8, 2, 0x600, true}, {0xcf8, 4, 0x600, false}, {0xcf8, 1, 6, false},
		{0x64, 1, 0xfe, true},	 {0x64, 1, 0xf0, true},	   {0x64, 1, 0xff, false},
		{0x64, 1, 0xee, false},	 {0x63, 2, 0xfe00, true},  {0x92, 1, 1, true},
		{0x92, 1, 2, false},	 {0x90, 4, 0x10000, true}, {0x1234, 1, 5, true},
		{0x1234, 1, 4, false},	 {0x1233, 2, 0x500, true}, {0x60, 1, 0, false},
		{0x60, 4, 0xff, false},
	};

	(void)state;
	setup(0x1234, 5);
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(resets(cases[i].port, cases[i].size, cases[i].value),
				 cases[i].resets);
	setup(NO_PORT, 0);
	assert_false(resets(0, 1, 0));
}

/* The keyboard controller's output port: its command, then data at port 60h. */
static void test_output_port(void **state)
{
	(void)state;
	setup(NO_PORT, 0);
	assert_false(resets(0x64, 1, 0xd1));
	assert_true(port_trapped[0x60]);
	assert_false(resets(0x60, 1, 0xdf));
	assert_false(port_trapped[0x60]);
	assert_false(resets(0x60, 1, 0xde)); /* a command to the keyboard */
	resets(0x64, 1, 0xd1);
	assert_true(resets(0x60, 1, 0xde));
	resets(0x64, 1, 0xd1);
	assert_false(resets(0x64, 1, 0x20)); /* another command in between */
	assert_false(port_trapped[0x60]);
	assert_false(resets(0x60, 1, 0xde));
}

/* String I/O would run without an exit: never on these. */
static void test_string(void **state)
{
	static const struct {
		u16 port;
		u8 size;
		bool open;
	} cases[] = {
		{0x64, 1, false},   {0x62, 4, false},  {0x60, 1, false},  {0xcf9, 1, false},
		{0xcf8, 2, false},  {0xcf8, 1, true},  {0x92, 1, false},  {0xb004, 2, false},
		{0xb005, 1, false}, {0xb006, 2, true}, {0xb003, 1, true}, {0x1f0, 4, true},
	};

	(void)state;
	setup(NO_PORT, 0);
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct exit x = port(cases[i].port, cases[i].size, true);

		memset(port_trapped, true, sizeof(port_trapped));
		assert_int_equal(guard_has(&x), !cases[i].open);
		assert_int_equal(ports_open(&x), cases[i].open);
		for (u32 k = 0; k < 0x10000; k++)
			assert_int_equal(port_trapped[k],
					 !cases[i].open || k < cases[i].port ||
						 k >= cases[i].port + cases[i].size);
	}
	assert_int_equal(wipes, 0);
}

static void test_wipe(void **state)
{
	(void)state;
	start("hypapps=first"); /* it has no secrets */
	assert_int_equal(hypapps_init(cpu_count), 0);
	wipes = stops = 0;
	assert_false(hypapps_wipe(v));
	assert_int_equal(stops, 0);
	setup(NO_PORT, 0);
	assert_true(hypapps_wipe(v));
	assert_int_equal(stops, 1);
	assert_int_equal(wipes, 1);
	assert_int_equal(fake_cpu->wbinvds, 1);
	assert_false(
		hypapps_wipe(v)); /* they stood still before: it is not for us to let them go */
	assert_int_equal(wipes, 2);
	stopped = false;
	assert_false(hypapps_wipe(NULL));
	assert_int_equal(stops, 1);
	assert_int_equal(wipes, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_armed_only_once_asked),
		cmocka_unit_test(test_resets),
		cmocka_unit_test(test_output_port),
		cmocka_unit_test(test_string),
		cmocka_unit_test(test_wipe),
	};

	return RUN(tests);
}
