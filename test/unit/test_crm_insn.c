/* SPDX-License-Identifier: MIT */
/*
 * The instructions: which registers exist, who may use them, how wide operands are, what LMSW, CLTS
 * and SMSW do, and which of several faults and exits comes first.
 */
#include "crm_world.h"

static const struct mode paged64 = {"64-bit", PAGED, CR4_PAE, LONG, true};
static const struct mode paged32 = {"32-bit", PAGED, 0, 0, false};

static struct crm_cpu own_all(const struct crm_cpu *bare)
{
	return guest_of(bare, ~0ULL, ~0ULL, CR4_GUEST);
}

/* T1: 16 numbers, four levels, every mode, to and from, both vendors: CR0, CR2, CR3, CR4 and CR8
 * exist, the others are #UD at any level; with CPL > 0 the rest is #GP. */
static void test_all_registers(void **state)
{
	static const bool exists[16] = {[0] = true, [2] = true, [3] = true, [4] = true, [8] = true};

	(void)state;
	for (u32 k = 0; k < 16 * 4 * 2 * 2 * ARRAY_SIZE(modes); k++) {
		const struct mode *m = &modes[k / (16 * 4 * 2 * 2)];
		struct crm_cpu bare = bare_in(m, k & 64 ? CRM_AMD : CRM_INTEL), g;
		struct crm_insn i = {.op = k & 128 ? CRM_MOV_FROM : CRM_MOV_TO, .cr = k & 15};
		enum crm_verdict want;
		bool exited;

		bare.cpl = k >> 4 & 3;
		want = !exists[i.cr] ? CRM_UD : bare.cpl ? CRM_GP : CRM_OK;
		if (i.cr == 0 || i.cr == 4)
			i.value = bare.cr[i.cr / 4].hw;
		else if (i.cr == 3)
			i.value = bare.cr3;
		g = own_all(&bare);
		assert_int_equal(crm_native(&bare, &i).verdict, want);
		assert_int_equal(run_guest(&g, &i, &exited).verdict, want);
		if (want != CRM_OK) /* G3: these come before any exit */
			assert_false(exited);
		if (i.cr != 0 && i.cr != 4)
			assert_false(exited);
	}
}

/* K2: CR8 has four bits. */
static void test_cr8(void **state)
{
	struct crm_cpu bare = bare_in(&paged64, CRM_INTEL);

	(void)state;
	for (u32 bit = 0; bit < 64; bit++) {
		struct crm_insn i = mov_to(8, BIT(bit));

		assert_int_equal(crm_native(&bare, &i).verdict, bit < 4 ? CRM_OK : CRM_GP);
		assert_int_equal(crm_execute(&bare, &i).verdict, bit < 4 ? CRM_OK : CRM_GP);
	}
}

/* S31, G1: only 64-bit code has 64-bit operands; elsewhere the upper half of the register is not
 * looked at, and not #GP. */
static void test_operand_width(void **state)
{
	(void)state;
	for (u32 m = 0; m < ARRAY_SIZE(modes); m++)
		for (u32 bit = 32; bit < 64; bit++)
			for (u32 cr = 0; cr <= 4; cr += 4) {
				struct crm_cpu bare = bare_in(&modes[m], CRM_INTEL), g;
				u64 old = bare.cr[cr / 4].hw;
				struct crm_insn i = mov_to((u8)cr, old | BIT(bit));
				bool wide = bare.efer == LONG && bare.cs_l, exited;
				struct crm_result r = crm_native(&bare, &i);

				assert_int_equal(r.verdict, wide ? CRM_GP : CRM_OK);
				assert_int_equal(r.effects, 0);
				g = guest_of(&bare, 0, 0, CR4_GUEST);
				assert_int_equal(run_guest(&g, &i, &exited).verdict, r.verdict);
				g = own_all(&bare);
				assert_int_equal(run_guest(&g, &i, &exited).verdict, r.verdict);
				assert_int_equal(crm_read(&g.cr[cr / 4]), old);
				if (!wide)
					assert_false(exited);
			}
}

/* G2, T10: CR0's bits that do not exist read 0 and may be written; ET reads 1. */
static void test_ignored_bits(void **state)
{
	(void)state;
	for (u32 all = 0; all < 2; all++)
		for (u32 bit = 0; bit < 32; bit++) {
			struct crm_cpu bare = bare_in(&paged32, CRM_INTEL);
			u64 own = all ? ~0ULL : 0;
			struct crm_cpu g = guest_of(&bare, own, own, CR4_GUEST);
			struct crm_insn i = mov_to(0, PAGED ^ BIT(bit));
			bool exited;

			if ((CR0_DEFINED & BIT(bit)) && BIT(bit) != CR0_ET)
				continue;
			assert_int_equal(crm_native(&bare, &i).verdict, CRM_OK);
			assert_int_equal(crm_native(&bare, &i).value, PAGED);
			assert_int_equal(run_guest(&g, &i, &exited).verdict, CRM_OK);
			assert_int_equal(exited, all);
			assert_int_equal(crm_read(&g.cr[CRM_CR0]), PAGED);
		}
}

/* T3, T4, T5: LMSW in all 16 combinations of what is there and of what it loads; the upper bits of
 * the source are noise, and those of CR0 stay. */
static void test_lmsw(void **state)
{
	static const u64 owned[] = {0, CR0_PE, CR0_TS | CR0_MP, 15, ~0ULL};

	(void)state;
	for (u32 k = 0; k < 256 * ARRAY_SIZE(owned); k++)
		for (u32 vendor = 0; vendor <= CRM_AMD; vendor++) {
			u64 old = CR0_ET | CR0_AM | CR0_CD | (k & 15), source = k >> 4 & 15;
			u64 due = (old & ~14ULL) | source;
			struct mode m = {"", old, 0, 0, false};
			struct crm_cpu bare = bare_in(&m, (enum crm_vendor)vendor);
			struct crm_cpu g = guest_of(&bare, owned[k / 256], 0, CR4_GUEST);
			struct crm_insn i = {.op = CRM_LMSW, .value = source | (rnd() & ~15ULL)};
			struct crm_result r = crm_native(&bare, &i);
			bool exited;

			assert_int_equal(r.verdict, CRM_OK);
			assert_int_equal(r.value, due);
			assert_int_equal(r.effects, 0);
			assert_int_equal(run_guest(&g, &i, &exited).verdict, CRM_OK);
			assert_int_equal(crm_read(&g.cr[CRM_CR0]), due);
			if (vendor == CRM_AMD) /* A1 */
				assert_int_equal(exited, owned[k / 256] != 0);
		}
}

/* T2, T9: CLTS clears TS and nothing else; owned with a clear shadow it does nothing at all. */
static void test_clts(void **state)
{
	(void)state;
	for (u32 k = 0; k < 64; k++) {
		bool ts = k & 1, owned = k & 2;
		struct mode m = {"", PROTECTED | CR0_NE | (ts ? CR0_TS : 0), 0, 0, false};
		struct crm_cpu bare = bare_in(&m, CRM_INTEL), g;
		struct crm_insn i = {.op = CRM_CLTS, .value = rnd()};
		bool exited;

		bare.cpl = k >> 2 & 3;
		g = guest_of(&bare, owned ? CR0_TS : 0, 0, CR4_GUEST);
		if (k & 16) /* T7: a monitor that keeps TS set behind the guest's back */
			g.cr[CRM_CR0].hw |= owned ? CR0_TS : 0;
		assert_int_equal(run_guest(&g, &i, &exited).verdict, bare.cpl ? CRM_GP : CRM_OK);
		assert_int_equal(exited, !bare.cpl && owned && ts);
		assert_int_equal(crm_read(&g.cr[CRM_CR0]), bare.cpl ? m.cr0 : m.cr0 & ~CR0_TS);
		if (owned && !ts && (k & 16))
			assert_int_equal(g.cr[CRM_CR0].hw & CR0_TS, CR0_TS);
	}
}

/* T6: SMSW obeys the shadow, and UMIP refuses it above CPL 0. */
static void test_smsw(void **state)
{
	(void)state;
	for (u32 k = 0; k < 16; k++) {
		struct mode m = {"", PAGED | CR0_TS, k & 1 ? CR4_UMIP : 0, 0, false};
		struct crm_cpu bare = bare_in(&m, k & 8 ? CRM_AMD : CRM_INTEL), g;
		struct crm_insn i = {.op = CRM_SMSW};
		struct crm_result r;
		bool exited, refused = (k & 1) && (k & 6);

		bare.cpl = k >> 1 & 3;
		g = own_all(&bare);
		assert_int_equal(crm_native(&bare, &i).verdict, refused ? CRM_GP : CRM_OK);
		r = run_guest(&g, &i, &exited);
		assert_int_equal(r.verdict, refused ? CRM_GP : CRM_OK);
		assert_false(exited);
		if (!refused)
			assert_int_equal(r.value, m.cr0);
	}
}

/*
 * G3: Intel's CPU lets a MOV that exits exit before it looks at the value, so a bad value in owned
 * bits is the handler's to refuse; in others the CPU refuses it. G4: AMD's refuses first, always.
 */
static void test_fault_or_exit_first(void **state)
{
	static const struct {
		u8 cr;
		u64 value;
		u64 owned;
	} bad[] = {
		{0, PAGED & ~CR0_PE, CR0_PE},
		{0, PAGED | CR0_NW, CR0_NW},
		{0, PAGED | BIT(40), BIT(40)},
		{0, PAGED & ~CR0_PG, CR0_PG},
		{4, CR4_PAE | BIT(15), BIT(15)},
		{4, CR4_PAE | CR4_LA57, CR4_LA57},
		{4, 0, CR4_PAE},
		{4, CR4_PAE | BIT(63), BIT(63)},
		{4, CR4_PAE | CR4_PCIDE, CR4_PCIDE},
	};

	(void)state;
	for (u32 k = 0; k < ARRAY_SIZE(bad) * 8; k++) {
		bool owned = k & 1, amd = k & 2, user = k & 4;
		u32 n = k / 8;
		struct crm_cpu bare = bare_in(&paged64, amd ? CRM_AMD : CRM_INTEL), g;
		struct crm_insn i = mov_to(bad[n].cr, bad[n].value);
		u64 own = owned ? bad[n].owned : 0;

		bare.cr3 = 0x1018; /* so that PCIDE is refused */
		bare.cpl = user ? 3 : 0;
		g = guest_of(&bare, bad[n].cr == 0 ? own : 0, bad[n].cr == 4 ? own : 0, CR4_GUEST);
		assert_int_equal(crm_native(&bare, &i).verdict, CRM_GP);
		assert_int_equal(crm_execute(&g, &i).verdict,
				 owned && !amd && !user ? CRM_EXIT : CRM_GP);
		assert_int_equal(crm_emulate(&g, &i).verdict, CRM_GP);
	}
}

/* G14, L4: with a fault or an exit nothing has changed yet. */
static void test_fault_changes_nothing(void **state)
{
	u32 faults = 0, exits = 0;

	(void)state;
	for (u32 round = 0; round < 50000; round++) {
		const struct mode *m = &modes[rnd_below(ARRAY_SIZE(modes))];
		struct crm_cpu bare = bare_in(m, round & 1 ? CRM_AMD : CRM_INTEL);
		struct crm_cpu g = guest_of(&bare, rnd(), rnd(), CR4_GUEST), before = g;
		u8 cr = round & 2 ? 4 : 0;
		struct crm_insn i = mov_to(cr, crm_read(&g.cr[cr / 4]) ^ rnd_bits(4));
		struct crm_result r = crm_execute(&g, &i);

		if (r.verdict == CRM_OK)
			continue;
		exits += r.verdict == CRM_EXIT;
		faults += r.verdict == CRM_GP;
		assert_memory_equal(&r.next, &before.cr[cr / 4], sizeof(r.next));
		assert_int_equal(r.effects, 0);
		crm_apply(&g, &i, &r);
		assert_memory_equal(&g, &before, sizeof(g));
	}
	assert_true(faults > 5000 && exits > 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_registers),
		cmocka_unit_test(test_cr8),
		cmocka_unit_test(test_operand_width),
		cmocka_unit_test(test_ignored_bits),
		cmocka_unit_test(test_lmsw),
		cmocka_unit_test(test_clts),
		cmocka_unit_test(test_smsw),
		cmocka_unit_test(test_fault_or_exit_first),
		cmocka_unit_test(test_fault_changes_nothing),
	};

	return RUN_SEEDED(tests);
}
