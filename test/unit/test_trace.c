/* SPDX-License-Identifier: MIT */
/* The ring of a CPU, and what HC_TRACE and the text form make of it. */
#include "unit.h"
#include "hv/gmem.h"
#include "core/page.h"
#include "core/trace.h"
#include "hv/hypapp.h"
#include "hv/hypercall.h"

extern const struct hypapp trace_hypapp;

#define AT(n)  ((u64)(n)*TRACE_RECORD_SIZE)
#define BUFFER 0xffff800012340000ULL

struct machine machine;
const struct backend *backend;
struct pcpu *pcpus[MAX_CPUS];
u32 cpu_count;

static struct pcpu cpu[2];
static u64 pages[2][8192];
static u32 rings;
static struct trace_record guest[TRACE_COPY_MAX + 1];
static u64 guest_limit;
static bool code32;
static char text[40][160];
static u32 lines;

void *page_alloc(u64 n)
{
	if (n * PAGE_SIZE > sizeof(pages[0]) || rings == 2)
		return NULL;
	return memset(pages[rings++], 0, sizeof(pages[0]));
}

enum insn_mode gmem_code_mode(struct vcpu *v)
{
	(void)v;
	return code32 ? INSN_32 : INSN_64;
}

size_t gmem_write(struct vcpu *v, u64 linear, const void *in, size_t n)
{
	u64 at = linear - (code32 ? (u32)BUFFER : BUFFER);

	(void)v;
	if (at + n > guest_limit)
		return 0;
	memcpy((u8 *)guest + at, in, n);
	return n;
}

static void emit(const char *line)
{
	assert_true(lines < ARRAY_SIZE(text));
	snprintf(text[lines++], sizeof(text[0]), "%s", line);
}

static void start(u32 records)
{
	rings = lines = 0;
	code32 = false;
	memset(cpu, 0, sizeof(cpu));
	memset(guest, 0, sizeof(guest));
	guest_limit = sizeof(guest);
	machine.opt.trace = records;
	machine.opt.trace_out = OPT_TRACE_OUT_SERIAL;
	machine.cpus.count = cpu_count = 2;
	for (u32 i = 0; i < 2; i++) {
		pcpus[i] = &cpu[i];
		cpu[i].index = cpu[i].vcpu.index = i;
		assert_true(trace_init(&cpu[i]));
	}
}

static void exits(u32 i, enum exit_kind kind, u32 n)
{
	struct exit x = {.kind = kind, .rip = 0x1000};

	for (; n--; x.rip++)
		trace_exit(&cpu[i].vcpu, &x);
}

/* Calls HC_TRACE; returns EAX. */
static u32 call(u32 index, u32 from, u32 want)
{
	u64 *gpr = cpu[0].vcpu.gpr;

	gpr[GPR_RBX] = index;
	gpr[GPR_RCX] = from;
	gpr[GPR_RDX] = BUFFER;
	gpr[GPR_RSI] = want;
	assert_int_equal(trace_hypapp.hypercall(&cpu[0].vcpu, HC_TRACE), EXIT_ADVANCE);
	return (u32)gpr[GPR_RAX];
}

static void test_records(void **state)
{
	struct cr_case c = {
		.access = {.hw = 0x2030, .owned = 0x2000, .shadow = 0x10, .cr = CRM_CR4}};
	struct exit x = {.kind = EXIT_CR, .rip = 7, .cr = {.cr = 4, .access = CR_MOV_TO}};
	const struct trace_record *r;
	u64 gpa = 0xfee00300;

	(void)state;
	start(5);
	r = cpu[1].trace->record;
	assert_int_equal(cpu[1].trace->head.magic, TRACE_MAGIC);
	assert_int_equal(cpu[1].trace->head.capacity, 8);
	trace_exit(&cpu[1].vcpu, &x);
	trace_event(&cpu[1].vcpu, TRACE_GDB, 1, 2, 3, 4);
	trace_cr(&cpu[1].vcpu, &x, &c, 0x20, TRACE_CR_REFUSED);
	assert_int_equal(TRACE_SUB(r[0].what), TRACE_CR_REFUSED | CR_MOV_TO);
	c.verdict.verdict = V_PLATFORM;
	c.verdict.bits = 0x2000;
	c.access.unexpected = true;
	trace_exit(&cpu[1].vcpu, &x);
	trace_cr(&cpu[1].vcpu, &x, &c, 0x20, 0);
	x = (struct exit){.kind = EXIT_SLAT};
	trace_exit(&cpu[1].vcpu, &x);
	assert_int_equal(r[4].what, EXIT_SLAT);
	trace_values(&cpu[1].vcpu, TRACE_WHAT(TRACE_EXIT, EXIT_SLAT, 1), &gpa);
	assert_int_equal(cpu[1].trace->head.next, 5 * TRACE_RECORD_SIZE);
	assert_int_equal(TRACE_KIND(r[0].what), TRACE_CR);
	assert_int_equal(r[0].rip, 7);
	assert_int_equal(TRACE_SUB(r[2].what), TRACE_CR_UNEXPECTED | CR_MOV_TO);
	assert_int_equal(TRACE_COUNT(r[0].what), 5);
	assert_int_equal(r[0].value[1], 0x2000);
	assert_int_equal(r[0].value[2], 0x10);
	assert_int_equal(r[0].value[3], 0x20);
	assert_int_equal(TRACE_KIND(r[1].what), TRACE_HYPAPP);
	assert_int_equal(TRACE_SUB(r[1].what), TRACE_GDB);
	assert_int_equal(r[1].value[3], 4);
	assert_int_equal(r[1].at, TRACE_RECORD_SIZE);
	assert_int_equal(TRACE_KIND(r[3].what), TRACE_VERDICT);
	assert_int_equal(TRACE_SUB(r[3].what), V_PLATFORM);
	assert_int_equal(r[3].value[0], 4);
	assert_int_equal(r[3].value[1], 0x2000);
	assert_int_equal(r[4].value[0], gpa);
	assert_int_equal(cpu[0].trace->head.next, 0);
}

static void test_hypercall(void **state)
{
	const struct trace_header *h = (const struct trace_header *)guest;

	(void)state;
	start(128);
	exits(1, EXIT_CPUID, 300);
	assert_int_equal(call(1, 0, 200), 0);
	assert_int_equal(cpu[0].vcpu.gpr[GPR_RBX], TRACE_COPY_MAX);
	assert_int_equal(h->count, TRACE_COPY_MAX);
	assert_int_equal(h->magic, TRACE_MAGIC);
	assert_int_equal(guest[1].at, AT(300 - 127));
	assert_int_equal(guest[1].rip, 0x1000 + 173);
	assert_int_equal(cpu[0].vcpu.gpr[GPR_RCX], AT(173 + TRACE_COPY_MAX));
	assert_int_equal(call(1, AT(298), 63), 0);
	assert_int_equal(cpu[0].vcpu.gpr[GPR_RBX], 2);
	assert_int_equal(guest[2].at, AT(299));
	assert_int_equal(call(1, AT(300), 63), 0);
	assert_int_equal(cpu[0].vcpu.gpr[GPR_RBX], 0);
	assert_int_equal(cpu[0].vcpu.gpr[GPR_RCX], AT(300));
	assert_int_equal(call(1, AT(301), 1), 0); /* not there yet: from the oldest on */
	assert_int_equal(guest[1].at, AT(173));
	code32 = true; /* the upper half of RDX is not the guest's */
	assert_int_equal(call(1, AT(299), 1), 0);
	assert_int_equal(guest[1].at, AT(299));
	code32 = false;
	assert_int_equal(call(2, 0, 1), HC_ERANGE);
	guest_limit = 100;
	assert_int_equal(call(1, 0, 1), HC_ERANGE);
	guest_limit = 0;
	assert_int_equal(call(1, 0, 0), HC_ERANGE);
}

/* After 2^32 records the low halves still say which one is meant. */
static void test_wraps(void **state)
{
	(void)state;
	start(128);
	cpu[1].trace->head.next = 0x200000000 - AT(16);
	exits(1, EXIT_CPUID, 40);
	assert_int_equal(call(1, (u32)-AT(2), 4), 0);
	assert_int_equal(guest[1].at, (u32)-AT(2));
	assert_int_equal(guest[3].at, 0);
	assert_int_equal(cpu[0].vcpu.gpr[GPR_RCX], AT(2));
}

static void test_text(void **state)
{
	(void)state;
	start(4);
	exits(0, EXIT_CPUID, 2);
	exits(1, EXIT_PORT, 9);
	trace_out(emit);
	assert_int_equal(lines, 1 + 2 + 1 + 3);
	assert_int_equal(
		strncmp(text[0],
			"trace 314543617274614c 0000000400400001 0000000000000000 0000000000000080 ",
			74),
		0);
	assert_true(strlen(text[0]) > 6 + 8 * 17);
	lines = 0;
	trace_report(&cpu[1], emit);
	assert_int_equal(lines, 3);
	assert_non_null(strstr(text[2], ": PORT, RIP 1008"));
}

static void test_off(void **state)
{
	(void)state;
	start(0);
	exits(0, EXIT_CPUID, 9);
	assert_int_equal(cpu[0].trace->head.magic, 0);
	trace_out(emit);
	trace_report(&cpu[0], emit);
	assert_int_equal(lines, 0);
	assert_int_equal(call(0, 0, 9), HC_ERANGE);
	start(4);
	machine.opt.trace_out = OPT_TRACE_OUT_OFF;
	exits(0, EXIT_CPUID, 9);
	trace_out(emit);
	assert_int_equal(lines, 0);
	rings = 2;
	assert_false(trace_init(&cpu[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records), cmocka_unit_test(test_hypercall),
		cmocka_unit_test(test_wraps),	cmocka_unit_test(test_text),
		cmocka_unit_test(test_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
