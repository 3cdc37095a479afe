/* SPDX-License-Identifier: MIT */
/* Whose fault is a CR exit, and what the option quirk= makes of it. */
#include "cr_world.h"

/* The exit of the scenario that must not be: the guest writes 30h over 20h, VMXE owned. */
static void test_unexpected(void **state)
{
	u64 before = cr_unexpected();

	(void)state;
	cr_own(v, CRM_CR4, 0);
	reg[REG_CR4] = CR4_VMXE | CR4_PAE;
	assert_int_equal(mov_to(4, GPR_RDX, 0x30), EXIT_ADVANCE);
	assert_int_equal(cr_unexpected(), before + 1);
	assert_int_equal(lines, 1);
	assert_non_null(
		strstr(said, "unexpected exit, cpu 0 0000:6a29be MOV CR4 20 -> 30 hw 2020"));
	assert_int_equal(traced.sub, CR_MOV_TO);
	assert_true(traced.a.unexpected);
	assert_int_equal(traced.a.hw, CR4_VMXE | CR4_PAE);
	assert_int_equal(traced.value, 0x30);
	assert_int_equal(guest_cr(v, CRM_CR4), 0x30);
	assert_int_equal(reg[REG_CR4], 0x2030);
	assert_int_equal(mov_to(4, GPR_RDX, 0x2030),
			 EXIT_INJECTED); /* expected; whose fault it is the code does not say */
	assert_int_equal(cr_unexpected(), before + 1);
	assert_int_equal(lines, 2);
	assert_non_null(strstr(said, "; verdict: undecided: "));
	assert_int_equal(gps, 1);
	assert_int_equal(traced.sub, TRACE_CR_REFUSED | CR_MOV_TO);
	assert_int_equal(guest_cr(v, CRM_CR4), 0x30);
	for (u32 i = 0; i < 100; i++) /* counted, but it cannot fill the log */
		mov_to(4, GPR_RDX, 0x30);
	assert_int_equal(cr_unexpected(), before + 101);
	assert_true(lines < 40);
}

/* MOV EAX, CR4; OR AL, imm8; MOV CR4, EAX as Windows XP has it; then with OR EAX, imm32 */
static void code_is(const u8 *bytes, size_t n)
{
	memset(code, 0x90, sizeof(code));
	memcpy(code + sizeof(code) - n, bytes, n);
	code_bytes = sizeof(code);
}

static const u8 sets_pse[] = {0x0f, 0x20, 0xe0, 0x83, 0xc8, 0x10};
static const u8 sets_vmxe[] = {0x0f, 0x20, 0xe0, 0x0d, 0x10, 0x20, 0, 0};

/* A write that carries VMXE, hidden from the guest: by its code and the option quirk=. */
static void test_quirk(void **state)
{
	static const struct {
		const u8 *bytes;
		size_t n;
		u32 quirk;
		enum verdict verdict;
		bool dropped;
	} cases[] = {
		{NULL, 0, OPT_QUIRK_OFF, V_UNDECIDED, false},
		{NULL, 0, OPT_QUIRK_AUTO, V_UNDECIDED, false},
		{NULL, 0, OPT_QUIRK_LEAK, V_UNDECIDED, true},
		{sets_vmxe, sizeof(sets_vmxe), OPT_QUIRK_OFF, V_GUEST, false},
		{sets_vmxe, sizeof(sets_vmxe), OPT_QUIRK_AUTO, V_GUEST, false},
		{sets_vmxe, sizeof(sets_vmxe), OPT_QUIRK_LEAK, V_GUEST, false},
		{sets_pse, sizeof(sets_pse), OPT_QUIRK_OFF, V_PLATFORM, false},
		{sets_pse, sizeof(sets_pse), OPT_QUIRK_AUTO, V_PLATFORM, true},
		{sets_pse, sizeof(sets_pse), OPT_QUIRK_LEAK, V_PLATFORM, true},
		/* a leak is known now */
		{NULL, 0, OPT_QUIRK_AUTO, V_PLATFORM, true},
		{sets_vmxe, sizeof(sets_vmxe), OPT_QUIRK_LEAK, V_GUEST, false},
	};

	(void)state;
	cr_own(v, CRM_CR4, ~0ULL);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		u64 before = cr_verdicts(cases[i].verdict), dropped = cr_dropped();

		machine.opt.quirk = cases[i].quirk;
		code_bytes = 0;
		if (cases[i].bytes)
			code_is(cases[i].bytes, cases[i].n);
		cr_reset(v, CR0_PE | CR0_ET, CR4_PAE);
		gps = 0;
		mov_to(4, GPR_RAX, CR4_PAE | CR4_PSE | CR4_VMXE);
		assert_int_equal(gps, !cases[i].dropped);
		assert_int_equal(cr_verdicts(cases[i].verdict), before + 1);
		assert_int_equal(cr_dropped(), dropped + cases[i].dropped);
		assert_int_equal(guest_cr(v, CRM_CR4) & ~(u64)CR4_PAE,
				 cases[i].dropped ? CR4_PSE : 0);
		assert_int_equal(reg[REG_CR4] & CR4_VMXE, CR4_VMXE);
	}
}

/* quirk=show: VMXE reads 1 whatever the guest writes, and both writes are taken. */
static void test_show(void **state)
{
	(void)state;
	machine.opt.quirk = OPT_QUIRK_SHOW;
	cr_init();
	cr_reset(v, CR0_PE | CR0_ET, 0);
	assert_int_equal(guest_cr(v, CRM_CR4), CR4_VMXE);
	for (u32 n = 0; n < 4; n++) {
		u64 write = n & 1 ? CR4_VMXE : 0;

		assert_int_equal(mov_to(4, GPR_RAX, CR4_PSE | write), EXIT_ADVANCE);
		assert_int_equal(guest_cr(v, CRM_CR4), CR4_PSE | CR4_VMXE);
		assert_int_equal(reg[REG_CR4], CR4_PSE | CR4_VMXE);
	}
	assert_int_equal(gps, 0);
	assert_int_equal(mov_to(4, GPR_RAX, CR4_SMXE), EXIT_INJECTED);
}

/* What Lamina set is no more what is there, and what the guest says that it read. */
static void test_state(void **state)
{
	u64 lamina = cr_verdicts(V_LAMINA), platform = cr_verdicts(V_PLATFORM);

	(void)state;
	cr_own(v, CRM_CR4, CR4_PSE | CR4_DE);
	assert_int_equal(cr_judge_read(v, CRM_CR4, 0), V_OK);
	reg[REG_CR4] |= CR4_PGE; /* the guest's own bit */
	assert_int_equal(cr_judge_read(v, CRM_CR4, 0), V_OK);
	assert_int_equal(cr_judge_read(v, CRM_CR4, CR4_VMXE), V_PLATFORM);
	assert_int_equal(cr_judge_read(v, CRM_CR0, CR0_PE | CR0_ET | CR0_NE), V_PLATFORM);
	machine.opt.log = OPT_LOG_VERDICT;
	reg[REG_CR4_SHADOW] |= CR4_PSE;
	mov_to(4, GPR_RAX, CR4_PSE | CR4_DE);
	assert_non_null(strstr(said, "; verdict: Lamina: "));
	reg[REG_CR4] &= ~(u64)CR4_DE;
	mov_to(4, GPR_RAX, CR4_PSE);
	assert_non_null(strstr(said, "; verdict: platform"));
	reg[REG_CR4_OWNED] &= ~(u64)CR4_DE;
	mov_to(4, GPR_RAX, 0);
	assert_int_equal(cr_verdicts(V_LAMINA), lamina + 2);
	assert_int_equal(cr_verdicts(V_PLATFORM), platform + 3);
}

/* On AMD-V, where SMM's code exits: an SMI and RSM change the mode, the handler has its own, and
 * the system its own again. Only the platform is blamed. */
static void test_smi(void **state)
{
	const u64 system = CR0_PG | CR0_PE | CR0_ET | CR0_MP | CR0_NE, mode = CR0_PG | CR0_PE;
	const u64 handler = (system & ~mode) | CR0_PE;
	struct backend amd = fake;
	u64 lamina, platform, drops = cr_dropped();

	(void)state;
	amd.vendor = CRM_AMD;
	backend = &amd;
	cr_own(v, CRM_CR0, ~0ULL);
	mov_to(0, GPR_RAX, system);
	lamina = cr_verdicts(V_LAMINA);
	platform = cr_verdicts(V_PLATFORM);
	for (u32 i = 0; i < 2; i++) {
		reg[REG_CR0] &= ~mode;
		assert_int_equal(guest_cr(v, CRM_CR0), system & ~mode);
		assert_int_equal(mov_to(0, GPR_RAX, handler), EXIT_ADVANCE);
		assert_int_equal(guest_cr(v, CRM_CR0), handler);
		assert_int_equal(reg[REG_CR0], handler);
		reg[REG_CR0] = system;
		assert_int_equal(guest_cr(v, CRM_CR0), system);
		assert_int_equal(mov_to(0, GPR_RAX, system | CR0_WP), EXIT_ADVANCE);
		assert_int_equal(reg[REG_CR0], system | CR0_WP);
		mov_to(0, GPR_RAX, system);
	}
	assert_int_equal(cr_verdicts(V_PLATFORM), platform + 4);
	assert_int_equal(cr_verdicts(V_LAMINA), lamina);
	assert_int_equal(cr_dropped(), drops);
	backend = &fake;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_unexpected, setup),
		cmocka_unit_test_setup(test_quirk, setup),
		cmocka_unit_test_setup(test_show, setup),
		cmocka_unit_test_setup(test_state, setup),
		cmocka_unit_test_setup(test_smi, setup),
	};

	return RUN(tests);
}
