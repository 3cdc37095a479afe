/* SPDX-License-Identifier: MIT */
/*
 * What VMRUN checks: a valid guest breaks nothing, and each change below brings exactly the line
 * beside it. Every check in the source has a change here.
 */
#include "svm_world.h"
#include "svm/svm_check.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/seg.h"

struct svm_caps svm_caps = {.cr4 = 0x3006ff | CR4_CET, .phys_bits = 40};

u64 svm_state_get(struct vcpu *cpu, enum cpu_reg r)
{
	assert_int_equal(r, REG_SEG(SEG_CS, SEG_AR));
	return vmcb_read(cpu, VMCB_CS_ATTR);
}

static char said[4096];
static u32 lines;

static void emit(const char *line)
{
	snprintf(said, sizeof(said), "%s", line);
	lines++;
}

#define PAGED  (CR0_PG | CR0_PE | CR0_ET)
#define INJECT (EVENT_INFO_VALID | EVENT_TYPE_EXC << 8)

static const struct {
	u32 field;
	u64 value;
	const char *line; /* NULL: no objection */
} changes[] = {
	{VMCB_INTERCEPTS2, ~(u64)INTERCEPT(SVM_VMRUN), "VMRUN is not intercepted"},
	{VMCB_ASID, 0, "ASID is 0"},
	{VMCB_MSRPM, BIT(40) - 0x2000, NULL},
	{VMCB_MSRPM, BIT(40) - 0x1000, "MSRPM: width"},
	{VMCB_IOPM, BIT(40) - 0x3000, NULL},
	{VMCB_IOPM, BIT(40) - 0x2000, "IOPM: width"},
	{VMCB_N_CR3, 0x1018, NULL},
	{VMCB_N_CR3, 0x1001, "nested CR3 0x1001: reserved bits"},
	{VMCB_N_CR3, BIT(40), "nested CR3 0x10000000000: reserved bits"},
	{VMCB_PAT, 0x0100000005040706, NULL},
	{VMCB_PAT, 0x0007040600070402, "guest PAT: memory type"},
	{VMCB_EVENTINJ, EVENT_INFO_VALID | EVENT_TYPE_INTR << 8 | 0xff, NULL},
	{VMCB_EVENTINJ, EVENT_INFO_VALID | EVENT_TYPE_NMI << 8 | 2, NULL},
	{VMCB_EVENTINJ, EVENT_INFO_VALID | 1 << 8, "injected event 80000100: type 1"},
	{VMCB_EVENTINJ, EVENT_INFO_VALID | 5 << 8, "injected event 80000500: type 5"},
	{VMCB_EVENTINJ, INJECT | 13, NULL},
	{VMCB_EVENTINJ, INJECT | 2, "injected exception 80000302: vector"},
	{VMCB_EVENTINJ, INJECT | 0x55, "injected exception 80000355: vector"},
	{VMCB_EVENTINJ, (INJECT | 0x55) & ~EVENT_INFO_VALID, NULL},
	{VMCB_EFER, EFER_LME | EFER_LMA, "guest EFER.SVME is 0"},
	{VMCB_EFER, EFER_SVME | EFER_LME | EFER_LMA | BIT(1), "guest EFER 0x1502: reserved bits"},
	{VMCB_CR0, PAGED | CR0_WP | CR0_CD | CR0_NW, NULL},
	{VMCB_CR0, PAGED | CR0_WP | CR0_NW, "guest CR0.NW without CR0.CD"},
	{VMCB_CR0, PAGED | CR0_WP | BIT(32), "guest CR0 0x180010011: bits 63:32"},
	{VMCB_CR0, CR0_PG | CR0_WP, "guest EFER.LME and CR0.PG without CR0.PE"},
	{VMCB_CR0, PAGED, "guest CR4.CET without CR0.WP"},
	{VMCB_CR0, CR0_WP, NULL},
	{VMCB_CR3, BIT(39), NULL},
	{VMCB_CR3, BIT(40), "guest CR3: width"},
	{VMCB_CR4, CR4_PAE | BIT(15), "guest CR4 0x8020: reserved bits"},
	{VMCB_CR4, 0, "guest EFER.LME and CR0.PG without CR4.PAE"},
	{VMCB_DR6, BIT(32), "guest DR6: bits 63:32"},
	{VMCB_DR7, BIT(63), "guest DR7: bits 63:32"},
	{VMCB_CS_ATTR, SEG_AR_DB, NULL},
	{VMCB_CS_ATTR, SEG_AR_L | SEG_AR_DB, "guest CS: L and D both 1"},
};

static void set_valid(void)
{
	world_restart();
	vmcb_write(v, VMCB_INTERCEPTS2, INTERCEPT(SVM_VMRUN));
	vmcb_write(v, VMCB_ASID, 1);
	vmcb_write(v, VMCB_N_CR3, 0x1000);
	vmcb_write(v, VMCB_PAT, PAT_RESET);
	vmcb_write(v, VMCB_EFER, EFER_SVME | EFER_LME | EFER_LMA);
	vmcb_write(v, VMCB_CR0, PAGED | CR0_WP);
	vmcb_write(v, VMCB_CR4, CR4_PAE | CR4_CET);
	vmcb_write(v, VMCB_CS_ATTR, SEG_AR_L);
}

static u32 check(void)
{
	u32 violations;

	said[0] = 0;
	lines = 0;
	violations = svm_check_all(v, emit);
	assert_int_equal(violations, lines);
	return violations;
}

static void test_changes(void **state)
{
	static const char prefix[] = "CHECK FAILED: ";

	(void)state;
	set_valid();
	assert_int_equal(check(), 0);
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		set_valid();
		vmcb_write(v, changes[i].field, changes[i].value);
		assert_int_equal(check(), changes[i].line ? 1 : 0);
		if (!changes[i].line)
			continue;
		assert_int_equal(strncmp(said, prefix, strlen(prefix)), 0);
		assert_string_equal(said + strlen(prefix), changes[i].line);
	}
}

/* Lines of the source that check, and different lines that came: as many, and one more, as the
 * message about events is one for two types, and that about the nested CR3 for two faults. */
static void test_complete(void **state)
{
	static char text[1 << 14];
	FILE *f = fopen("svm/svm_check.c", "r");
	u32 checks = 0, objections = 0;

	(void)state;
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	for (const char *p = text; (p = strstr(p, "check_that(c,")); p++)
		checks++;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
		objections += changes[i].line != NULL;
	assert_true(checks > 15);
	assert_int_equal(objections, checks + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_complete),
	};

	return RUN(tests);
}
