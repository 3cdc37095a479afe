/* SPDX-License-Identifier: MIT */
/* The hypapp step: which instructions of those that hypapp/gdb steps it puts into the trace. */
#include "unit.h"
#include "hypapp/step.c"

static u32 brks, logged;
static u64 last;
static const char *option;

static u64 state_get(struct vcpu *v, enum cpu_reg r)
{
	(void)v, (void)r;
	return 0;
}

static const struct backend fake = {.state_get = state_get};
const struct backend *backend = &fake;
u32 cpu_count = 2;

bool brk_add(struct vcpu *v, enum brk_owner owner, u64 linear, u32 cpu)
{
	(void)v, (void)cpu;
	assert_int_equal(owner, BRK_BY_RANGE);
	assert_int_equal(linear & 4095, 0);
	brks++;
	return true;
}

void brk_remove_all(struct vcpu *v, enum brk_owner owner)
{
	(void)v;
	assert_int_equal(owner, BRK_BY_RANGE);
	brks = 0;
}

void gdb_enable(void)
{
}

void say_line(const char *line)
{
	(void)line;
}

const char *hypapp_option(const char *name, u32 n, size_t *len)
{
	(void)name;
	*len = option ? strlen(option) : 0;
	return n ? NULL : option;
}

bool hypapp_option_number(const char *name, u64 *out)
{
	(void)name, (void)out;
	return false;
}

void trace_event(struct vcpu *v, u8 hypapp, u64 event, u64 a, u64 b, u64 c)
{
	(void)v, (void)a, (void)b, (void)c;
	assert_int_equal(hypapp, TRACE_STEP);
	last = event;
	logged++;
}

static struct vcpu vcpu;

static u32 range(u64 start, u32 bytes, u32 cpu)
{
	vcpu = (struct vcpu){
		.gpr = {[GPR_RBX] = start, [GPR_RDX] = start >> 32, [GPR_RCX] = bytes << 16 | cpu}};
	assert_int_equal(step_hypercall(&vcpu, HC_STEP), EXIT_ADVANCE);
	logged = 0;
	return (u32)vcpu.gpr[GPR_RAX];
}

/* An instruction that ends at `to`. */
static u32 step_one(u64 at, u64 to)
{
	u32 before = logged;

	step_trace_begin(&vcpu, at);
	step_trace_end(&vcpu, to, true, false);
	step_trace_entry(&vcpu, to);
	return logged - before;
}

static void test_ends(void **state)
{
	(void)state;
	assert_int_equal(range(0xffffffff81000ff0, 0x20, BRK_ALL), 0);
	assert_int_equal(brks, 2);
	assert_int_equal(step_one(0xffffffff81000fef, 0xffffffff81000ff0), 0);
	assert_int_equal(step_one(0xffffffff81000ff0, 0xffffffff81000ff1), 1);
	assert_int_equal(last, 0xffffffff81000ff0);
	assert_int_equal(step_one(0xffffffff8100100f, 0), 1);
	assert_int_equal(step_one(0xffffffff81001010, 0), 0);
	assert_int_equal(step_one(0x1000ff0, 0), 0);
	assert_int_equal(range(0x1000, 0x1000, BRK_ALL), 0);
	assert_int_equal(brks, 1);
	assert_int_equal(range(0, 0, 0), 0);
	assert_int_equal(brks, 0);
	assert_int_equal(step_one(0x1000, 0x1001), 0);
	assert_int_equal(range(0x1001, 0xffff, BRK_ALL), 0);
	assert_int_equal(range(0x1002, 0xffff, BRK_ALL), HC_ERANGE);
	assert_int_equal(brks, 0);
}

static void test_cpu(void **state)
{
	(void)state;
	assert_int_equal(range(0x1000, 0x1000, 1), 0);
	assert_int_equal(step_one(0x1000, 0x1001), 0);
	vcpu.index = 1;
	assert_int_equal(step_one(0x1000, 0x1001), 1);
	assert_int_equal(range(0x1000, 0x1000, 2), HC_ERANGE);
}

/* Each instruction once, however its step ends. */
static void test_once(void **state)
{
	(void)state;
	range(0x1000, 0x1000, BRK_ALL);
	step_trace_begin(&vcpu, 0x1000); /* cut by an interrupt: not yet */
	step_trace_end(&vcpu, 0x1000, false, false);
	vcpu.event_set = true;
	step_trace_entry(&vcpu, 0x1000);
	vcpu.event_set = false;
	assert_int_equal(logged, 0);
	step_trace_begin(&vcpu, 0x1000); /* Lamina carries it out: CPUID */
	step_trace_end(&vcpu, 0x1000, false, false);
	step_trace_entry(&vcpu, 0x1002);
	assert_int_equal(logged, 1);
	step_trace_entry(&vcpu, 0x1003);
	for (u32 turn = 0; turn < 3; turn++) { /* REP: turns, and on */
		step_trace_begin(&vcpu, 0x1002);
		step_trace_end(&vcpu, 0x1002, true, true);
		step_trace_entry(&vcpu, 0x1002);
	}
	assert_int_equal(logged, 1);
	assert_int_equal(step_one(0x1002, 0x1004), 1);
	assert_int_equal(step_one(0x1004, 0x1004), 1); /* a jump to itself */
	step_trace_begin(&vcpu, 0x1004);	       /* HLT ends so */
	step_trace_end(&vcpu, 0x1005, false, false);
	assert_int_equal(logged, 4);
}

static void test_option(void **state)
{
	static const char *const bad[] = {
		"0x1000",	  "0x1000-0x1000",    "0x1000-0x2000@",	 "x-y",
		"0x1000-0x20000", "0x1000-0x2000@99", "0x1000-0x2000@1x"};

	(void)state;
	range(0, 0, 0);
	for (u32 i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		option = bad[i];
		assert_true(step_init(2) == OK);
		assert_int_equal(step_one(0x1000, 0x1001), 0);
	}
	option = "0x1000-0x1010@0";
	assert_true(step_init(2) == OK);
	vcpu.index = 0;
	assert_int_equal(step_one(0x100f, 0x1010), 1);
	assert_int_equal(step_one(0x1010, 0x1011), 0);
	vcpu.index = 1;
	assert_int_equal(step_one(0x100f, 0x1010), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_cpu),
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_option),
	};

	return RUN(tests);
}
