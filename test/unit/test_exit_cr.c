/* SPDX-License-Identifier: MIT */
/* The handler of CR exits and the owned masks, with a backend and a log played by the test. */
#include "cr_world.h"

static void test_minimum(void **state)
{
	(void)state;
	assert_int_equal(reg[REG_CR0_OWNED], CR0_NE);
	assert_int_equal(reg[REG_CR4_OWNED] & CR4_VMXE, CR4_VMXE);
	assert_int_equal(reg[REG_CR4_OWNED] & (CR4_PSE | CR4_PAE | CR4_PGE), 0);
	assert_int_equal(reg[REG_CR4], CR4_VMXE);
	assert_int_equal(guest_cr(v, CRM_CR4), 0);
	assert_int_equal(reg[REG_CR0], CR0_PE | CR0_ET | CR0_NE);
	assert_int_equal(guest_cr(v, CRM_CR0), CR0_PE | CR0_ET);
}

static void test_own(void **state)
{
	(void)state;
	machine.opt.cr_own[CRM_CR4][0].forced_only = true;
	cr_reset(v, CR0_PE | CR0_ET, CR4_PSE);
	assert_int_equal(reg[REG_CR4_OWNED], CR4_VMXE);
	cr_own(v, CRM_CR4, CR4_PSE);
	assert_int_equal(reg[REG_CR4_OWNED] & (CR4_PSE | CR4_VMXE), CR4_PSE | CR4_VMXE);
	assert_int_equal(guest_cr(v, CRM_CR4), CR4_PSE);
	cr_own(v, CRM_CR0, ~0ULL);
	assert_int_equal(reg[REG_CR0_OWNED], ~0ULL);
	assert_int_equal(guest_cr(v, CRM_CR0), CR0_PE | CR0_ET);
	cr_reset(v, CR0_RESET, 0); /* an INIT keeps what is owned */
	assert_int_equal(reg[REG_CR0_OWNED], ~0ULL);
	assert_int_equal(guest_cr(v, CRM_CR0), CR0_RESET);
}

static void test_log(void **state)
{
	(void)state;
	cr_own(v, CRM_CR4, ~0ULL);
	mov_to(4, GPR_RAX, CR4_PSE);
	assert_int_equal(lines, 0);
	cr_log_all(true);
	mov_to(4, GPR_RAX, CR4_PAE);
	assert_int_equal(lines, 1);
	assert_string_equal(said,
			    "cpu 0 0000:6a29be MOV CR4 10 -> 20 hw 2010 owned ffffffffffffffff "
			    "shadow 10: accepted");
	mov_to(4, GPR_RAX, CR4_VMXE);
	assert_non_null(strstr(said, "MOV CR4 20 -> 2000 hw 2020"));
	assert_non_null(strstr(said, ": #GP"));
}

/* Register 4 is RSP; outside 64-bit mode 32 bits of a register count. */
static void test_operand(void **state)
{
	(void)state;
	cr_own(v, CRM_CR0, ~0ULL);
	for (u8 gpr = 0; gpr < 16; gpr++) {
		u64 value = CR0_PE | CR0_ET | (gpr & 1 ? CR0_TS : CR0_MP);

		memset(v->gpr, 0xff, sizeof(v->gpr));
		reg[REG_RSP] = ~0ULL;
		assert_int_equal(mov_to(0, gpr, 0xabcdef01ULL << 32 | value), EXIT_ADVANCE);
		assert_int_equal(guest_cr(v, CRM_CR0), value);
	}
	reg[REG_EFER] = EFER_LME | EFER_LMA;
	reg[REG_SEG(SEG_CS, SEG_AR)] = SEG_AR_L;
	assert_int_equal(mov_to(0, GPR_R15, BIT(32) | CR0_PE | CR0_ET), EXIT_INJECTED);
}

/* With PAE paging the PDPTEs come before anything changes; a bad one is #GP. */
static void test_pdptes(void **state)
{
	const u64 on = CR0_PG | CR0_PE | CR0_ET;

	(void)state;
	cr_own(v, CRM_CR0, CR0_PG);
	cr_own(v, CRM_CR4, ~0ULL);
	mov_to(4, GPR_RAX, CR4_PAE);
	reg[REG_CR3] = 0x12345678;
	pdptes[2] = 1 | BIT(63);
	assert_int_equal(mov_to(0, GPR_RAX, on), EXIT_INJECTED);
	assert_int_equal(guest_cr(v, CRM_CR0), CR0_PE | CR0_ET);
	pdptes[2] = 0x3001;
	no_memory = true;
	assert_int_equal(mov_to(0, GPR_RAX, on), EXIT_INJECTED);
	no_memory = false;
	commits = 0;
	assert_int_equal(mov_to(0, GPR_RAX, on), EXIT_ADVANCE);
	assert_int_equal(commits, 1);
	assert_int_equal(reg[REG_PDPTE0 + 2], 0x3001);
}

static void test_cr3(void **state)
{
	struct exit read = {.kind = EXIT_CR,
			    .cr = {.cr = 3, .access = CR_MOV_FROM, .gpr = GPR_RBX}};

	(void)state;
	commits = 0;
	assert_int_equal(mov_to(3, GPR_RAX, 0x1000), EXIT_ADVANCE);
	assert_int_equal(reg[REG_CR3], 0x1000);
	assert_int_equal(flushes, 1);
	assert_int_equal(commits, 0);
	assert_int_equal(exit_cr(v, &read), EXIT_ADVANCE);
	assert_int_equal(v->gpr[GPR_RBX], 0x1000);
	read.cr.gpr = GPR_RSP;
	exit_cr(v, &read);
	assert_int_equal(reg[REG_RSP], 0x1000);
	read.cr.cr = 5;
	assert_int_equal(exit_cr(v, &read), EXIT_INJECTED);
	assert_int_equal(uds, 1);
}

static void test_clts_lmsw(void **state)
{
	struct exit x = {.kind = EXIT_CR, .cr = {.access = CR_CLTS}};

	(void)state;
	cr_own(v, CRM_CR0, ~0ULL);
	mov_to(0, GPR_RAX, CR0_PE | CR0_ET | CR0_TS | CR0_AM);
	assert_int_equal(exit_cr(v, &x), EXIT_ADVANCE);
	assert_int_equal(guest_cr(v, CRM_CR0), CR0_PE | CR0_ET | CR0_AM);
	x.cr = (struct exit_cr){.access = CR_LMSW, .lmsw = 0xfffe};
	assert_int_equal(exit_cr(v, &x), EXIT_ADVANCE);
	assert_int_equal(guest_cr(v, CRM_CR0), CR0_PE | CR0_ET | CR0_AM | CR0_MP | CR0_EM | CR0_TS);
}

/* The TLB goes when it must, once, and when the new value is there. No emulator shows that: they
 * forget translations at every entry. */
static void test_flush(void **state)
{
	const u64 paged = CR0_PG | CR0_PE | CR0_ET;

	(void)state;
	cr_own(v, CRM_CR0, ~0ULL);
	cr_own(v, CRM_CR4, ~0ULL);
	mov_to(0, GPR_RAX, CR0_PE | CR0_ET | CR0_TS);
	mov_to(4, GPR_RAX, CR4_TSD);
	assert_int_equal(flushes, 0);
	mov_to(0, GPR_RAX, paged);
	assert_int_equal(flushes, 1);
	assert_int_equal(reg_then[REG_CR0], paged | CR0_NE);
	assert_int_equal(reg_then[REG_CR0_SHADOW], paged);
	mov_to(4, GPR_RAX, CR4_PGE);
	assert_int_equal(flushes, 2);
	assert_int_equal(reg_then[REG_CR4], CR4_PGE | CR4_VMXE);
	assert_int_equal(reg_then[REG_CR4_SHADOW], CR4_PGE);
	mov_to(4, GPR_RAX, CR4_PGE | CR4_PSE); /* the current PCID's, or all */
	assert_int_equal(flushes, 3);
	mov_to(4, GPR_RAX, CR4_PGE | CR4_PSE | CR4_VMXE); /* #GP: nothing changes */
	assert_int_equal(flushes, 3);
}

static void test_lma(void **state)
{
	const u64 unpaged = CR0_PE | CR0_ET;

	(void)state;
	cr_own(v, CRM_CR0, ~0ULL);
	reg[REG_CR4] = reg[REG_CR4_SHADOW] = CR4_PAE;
	reg[REG_EFER] = EFER_LME | EFER_SCE;
	mov_to(0, GPR_RAX, unpaged | CR0_TS);
	assert_int_equal(efer_writes, 0);
	mov_to(0, GPR_RAX, unpaged | CR0_PG);
	assert_int_equal(reg[REG_EFER], EFER_LME | EFER_SCE | EFER_LMA);
	assert_int_equal(reg_then[REG_EFER], EFER_LME | EFER_SCE | EFER_LMA);
	mov_to(0, GPR_RAX, unpaged);
	assert_int_equal(reg[REG_EFER], EFER_LME | EFER_SCE);
	assert_int_equal(efer_writes, 2);
}

/* What hypapps watch is owned besides, and what they refuse is #GP. */
static void test_watched(void **state)
{
	const u64 on = CR0_PE | CR0_ET | CR0_WP;

	(void)state;
	cr_watched[CRM_CR0] = CR0_WP;
	cr_again(v, CRM_CR0);
	assert_int_equal(reg[REG_CR0_OWNED], CR0_NE | CR0_WP);
	assert_int_equal(guest_cr(v, CRM_CR0), CR0_PE | CR0_ET);
	no_clearing = CR0_WP;
	assert_int_equal(mov_to(0, GPR_RAX, on), EXIT_ADVANCE);
	assert_int_equal(change_count, 1);
	assert_int_equal(change.cr, CRM_CR0);
	assert_int_equal(change.old, CR0_PE | CR0_ET);
	assert_int_equal(change.new, on);
	assert_int_equal(mov_to(0, GPR_RAX, on), EXIT_ADVANCE); /* no change */
	assert_int_equal(change_count, 1);
	commits = 0;
	assert_int_equal(mov_to(0, GPR_RAX, CR0_PE | CR0_ET), EXIT_INJECTED);
	assert_int_equal(change_count, 2);
	assert_int_equal(gps, 1);
	assert_int_equal(commits, 0);
	assert_int_equal(guest_cr(v, CRM_CR0), on);
	assert_int_equal(mov_to(0, GPR_RAX, CR0_PG), EXIT_INJECTED); /* the CPU's own #GP */
	assert_int_equal(change_count, 2);
	cr_reset(v, CR0_RESET, 0); /* an INIT clears it, and it stays watched */
	assert_int_equal(guest_cr(v, CRM_CR0), CR0_RESET);
	assert_int_equal(reg[REG_CR0_OWNED] & CR0_WP, CR0_WP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_minimum, setup),
		cmocka_unit_test_setup(test_own, setup),
		cmocka_unit_test_setup(test_log, setup),
		cmocka_unit_test_setup(test_operand, setup),
		cmocka_unit_test_setup(test_pdptes, setup),
		cmocka_unit_test_setup(test_cr3, setup),
		cmocka_unit_test_setup(test_clts_lmsw, setup),
		cmocka_unit_test_setup(test_flush, setup),
		cmocka_unit_test_setup(test_lma, setup),
		cmocka_unit_test_setup(test_watched, setup),
	};

	return RUN(tests);
}
