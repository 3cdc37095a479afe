/* SPDX-License-Identifier: MIT */
/*
 * The law above all (crm.h): whatever is owned, the guest cannot tell. Random CPUs, random masks,
 * random instructions; the bare machine beside the guest, compared after each instruction.
 */
#include "crm_world.h"

#define ROUNDS	 60000
#define SEQUENCE 20

/* A CR0 and a CR4 that a CPU in this mode can have: the mode's, and random bits that free it. */
static struct crm_cpu random_bare(enum crm_vendor vendor)
{
	const struct mode *m = &modes[rnd_below(ARRAY_SIZE(modes))];
	struct crm_cpu c = bare_in(m, vendor);
	u64 free0 = CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_AM | CR0_WP;
	u64 free4 = CR4_GUEST & ~(CR4_PAE | CR4_LA57 | CR4_PCIDE | CR4_CET);

	if (m->cr4 & CR4_CET)
		free0 &= ~CR0_WP;
	c.cr[CRM_CR0].hw ^= rnd() & free0;
	c.cr[CRM_CR4].hw ^= rnd() & free4;
	if (rnd_below(2)) /* a guest from which some features are withheld */
		c.cr4_allowed &= ~(rnd_bits(2) & ~(m->cr4 | CR4_PAE));
	c.cr[CRM_CR4].hw &= c.cr4_allowed;
	c.cr3 = rnd_below(2) ? 0x1000 : 0x1018;
	c.phys_bits = (u32)(36 + rnd_below(17));
	c.cpl = rnd_below(16) ? 0 : 3;
	c.tss16 = rnd_below(16) == 0;
	return bare_of(&c);
}

static u64 random_owned(void)
{
	switch (rnd_below(4)) {
	case 0: return 0;
	case 1: return ~0ULL;
	case 2: return rnd_bits(3);
	default: return rnd();
	}
}

static struct crm_cpu random_guest(const struct crm_cpu *bare)
{
	return guest_of(bare, random_owned(), random_owned(), bare->cr4_allowed | rnd());
}

/* Mostly small changes of CR0 and CR4, for the others are mostly faults. */
static struct crm_insn random_insn(const struct crm_cpu *bare)
{
	static const u8 crs[] = {0, 0, 0, 0, 4, 4, 4, 4, 3, 3, 2, 8};
	static const u64 cr0_moves[] = {CR0_PG, CR0_PE, CR0_PG | CR0_PE, CR0_CD, CR0_CD | CR0_NW,
					CR0_WP, CR0_TS, CR0_NE,		 CR0_ET};
	static const u64 cr4_moves[] = {CR4_PAE,  CR4_PSE, CR4_PGE,  CR4_SMEP, CR4_PCIDE,
					CR4_LA57, CR4_CET, CR4_VMXE, CR4_SMXE, CR4_FRED};
	struct crm_insn i = {.op = CRM_MOV_TO, .cr = crs[rnd_below(ARRAY_SIZE(crs))]};
	u64 r = rnd_below(20);

	if (r < 5)
		i.op = r == 0 ? CRM_CLTS : r == 1 ? CRM_SMSW : r < 4 ? CRM_LMSW : CRM_MOV_FROM;
	if (rnd_below(32) == 0)
		i.cr = (u8)rnd_below(16);
	if (i.op == CRM_LMSW)
		i.value = rnd();
	else if (i.cr == 0 || i.cr == 4)
		i.value = bare->cr[i.cr ? CRM_CR4 : CRM_CR0].hw;
	else if (i.cr == 3)
		i.value = rnd_below(4) ? 0x1000 * rnd_below(8) : rnd_bits(4);
	else
		i.value = rnd_below(2) ? rnd_below(16) : rnd();
	if (i.cr == 0 && rnd_below(2))
		i.value ^= cr0_moves[rnd_below(ARRAY_SIZE(cr0_moves))];
	if (i.cr == 4 && rnd_below(2))
		i.value ^= cr4_moves[rnd_below(ARRAY_SIZE(cr4_moves))];
	if (rnd_below(3) == 0)
		i.value ^= rnd_bits(5);
	if (rnd_below(8) == 0)
		i.value ^= BIT(rnd_below(64));
	return i;
}

/* The guest's registers read as the bare machine's; hw meets the limits; L6. */
static void same_state(const struct crm_cpu *bare, const struct crm_cpu *guest)
{
	for (u32 n = 0; n < CRM_CRS; n++) {
		const struct crm_cr *c = &guest->cr[n];
		const struct crm_limits *l = &guest->limits[n];

		if (crm_read(c) != bare->cr[n].hw)
			fail_msg("reads %#llx, not %#llx: " SAYS, (unsigned long long)crm_read(c),
				 (unsigned long long)bare->cr[n].hw, SAY(guest));
		assert_int_equal(c->hw & l->must1, l->must1);
		assert_int_equal(c->hw & l->must0, 0);
		assert_int_equal((c->hw ^ bare->cr[n].hw) & ~c->owned, 0);
		assert_int_equal((c->hw ^ bare->cr[n].hw) & ~(l->must1 | l->must0), 0);
	}
	assert_int_equal(guest->cr3, bare->cr3);
	assert_int_equal(guest->efer, bare->efer);
}

static bool reads(const struct crm_insn *i)
{
	return i->op == CRM_MOV_FROM || i->op == CRM_SMSW;
}

/* L4: the answers to what faults or reads keep the register, all three. */
static void nothing_next(const struct crm_cpu *cpu, const struct crm_insn *i)
{
	bool cr4 = (i->op == CRM_MOV_TO || i->op == CRM_MOV_FROM) && i->cr == 4;
	const struct crm_cr *old = &cpu->cr[cr4 ? CRM_CR4 : CRM_CR0];
	struct crm_result e = crm_emulate(cpu, i), x = crm_execute(cpu, i);

	assert_memory_equal(&e.next, old, sizeof(*old));
	assert_memory_equal(&x.next, old, sizeof(*old));
}

/* One instruction on both; true: it exited. */
static bool same_step(struct crm_cpu *bare, struct crm_cpu *guest, const struct crm_insn *i)
{
	struct crm_cpu before = *guest;
	bool exited;
	struct crm_result n = run_native(bare, i), g = run_guest(guest, i, &exited);

	if (n.verdict != g.verdict)
		fail_msg("op %u CR%u %#llx: verdict %u, not %u: " SAYS, i->op, i->cr,
			 (unsigned long long)i->value, g.verdict, n.verdict, SAY(&before));
	assert_int_equal(n.value, g.value);
	assert_int_equal(n.effects & GUEST_EFFECTS, g.effects & GUEST_EFFECTS);
	if (n.verdict != CRM_OK || reads(i))
		nothing_next(&before, i);
	if (n.verdict != CRM_OK) { /* L4 */
		assert_memory_equal(guest->cr, before.cr, sizeof(before.cr));
		assert_int_equal(n.effects | g.effects, 0);
	}
	same_state(bare, guest);
	return exited;
}

static void law(enum crm_vendor vendor)
{
	u32 verdicts[4] = {0}, exits = 0, quiet = 0;

	for (u32 round = 0; round < ROUNDS; round++) {
		struct crm_cpu bare = random_bare(vendor), guest = random_guest(&bare);
		struct crm_insn i = random_insn(&bare);

		same_state(&bare, &guest);
		verdicts[crm_native(&bare, &i).verdict]++;
		if (same_step(&bare, &guest, &i))
			exits++;
		else
			quiet++;
	}
	/* the dice are not loaded: all that can happen did */
	assert_true(verdicts[CRM_OK] > ROUNDS / 10 && verdicts[CRM_GP] > ROUNDS / 10);
	assert_true(verdicts[CRM_UD] > 100 && exits > ROUNDS / 20 && quiet > ROUNDS / 20);
}

static void test_law_vmx(void **state)
{
	(void)state;
	law(CRM_INTEL);
}

static void test_law_svm(void **state)
{
	(void)state;
	law(CRM_AMD);
}

/* L5: what the guest read it may write back, in its mode's width, without an exit. */
static void test_law_write_back(void **state)
{
	(void)state;
	for (u32 round = 0; round < ROUNDS; round++) {
		struct crm_cpu bare = random_bare(CRM_INTEL), guest = random_guest(&bare);

		for (u8 cr = 0; cr <= 4; cr += 4) {
			struct crm_insn from = {.op = CRM_MOV_FROM, .cr = cr}, to;
			struct crm_result r;

			guest.cpl = 0;
			to = mov_to(cr, crm_execute(&guest, &from).value);
			r = crm_execute(&guest, &to);
			assert_int_equal(r.verdict, CRM_OK);
			assert_int_equal(r.effects, 0);
			assert_memory_equal(&r.next, &guest.cr[cr / 4], sizeof(r.next));
		}
	}
}

/* L7, M1: VT-x has no exit for what reads, whatever is owned. */
static void test_law_reads_never_exit(void **state)
{
	(void)state;
	for (u32 round = 0; round < ROUNDS; round++) {
		struct crm_cpu bare = random_bare(CRM_INTEL), guest = random_guest(&bare);
		struct crm_insn from0 = {.op = CRM_MOV_FROM}, from4 = {.op = CRM_MOV_FROM, .cr = 4};
		struct crm_insn smsw = {.op = CRM_SMSW};

		assert_false(crm_exits(&guest, &from0) || crm_exits(&guest, &from4) ||
			     crm_exits(&guest, &smsw));
		guest.cpl = 0;
		assert_int_equal(crm_execute(&guest, &from0).value, bare.cr[CRM_CR0].hw);
		assert_int_equal(crm_execute(&guest, &from4).value, bare.cr[CRM_CR4].hw);
	}
}

/* Programs of 20 instructions: the bare machine, the guest with as few bits owned as can be, the
 * one with all, and one with any, side by side. S32: fewer owned bits are never more exits. */
static void sequences(enum crm_vendor vendor)
{
	u32 done = 0, least = 0, most = 0;

	for (u32 round = 0; round < ROUNDS / 10; round++) {
		struct crm_cpu bare = random_bare(vendor);
		u64 fixed1 = bare.cr4_allowed | rnd();
		struct crm_cpu few = guest_of(&bare, 0, 0, fixed1);
		struct crm_cpu all = guest_of(&bare, ~0ULL, ~0ULL, fixed1);
		struct crm_cpu any = guest_of(&bare, random_owned(), random_owned(), fixed1);

		for (u32 n = 0; n < SEQUENCE; n++) {
			struct crm_insn i = random_insn(&bare);
			struct crm_cpu at[2] = {bare, bare};
			bool exits_few, exits_all, exits_any;

			exits_few = same_step(&at[0], &few, &i);
			exits_any = same_step(&at[1], &any, &i);
			done += crm_native(&bare, &i).verdict == CRM_OK;
			exits_all = same_step(&bare, &all, &i);
			least += exits_few;
			most += exits_all;
			assert_true(exits_few <= exits_any && exits_any <= exits_all);
			/* the guest jumps between 64-bit and other code, and between rings */
			if (rnd_below(4) == 0) {
				bool l = rnd_below(2);
				u8 cpl = rnd_below(8) ? 0 : 3;

				bare.cs_l = few.cs_l = all.cs_l = any.cs_l = l;
				bare.cpl = few.cpl = all.cpl = any.cpl = cpl;
			}
		}
	}
	assert_true(done > ROUNDS / 2 && least > 0 && most > least);
}

static void test_sequences_vmx(void **state)
{
	(void)state;
	sequences(CRM_INTEL);
}

static void test_sequences_svm(void **state)
{
	(void)state;
	sequences(CRM_AMD);
}

/* S20: the same programs on CPUs with the same masks leave the same registers. */
static void test_scenario_sequence(void **state)
{
	static const struct {
		u64 owned0, owned4;
	} masks[] = {
		{0, CR4_VMXE}, {CR0_PG, CR4_VMXE}, {~0ULL, CR4_VMXE}, {0, ~0ULL}, {~0ULL, ~0ULL}};

	(void)state;
	for (u32 m = 0; m < ARRAY_SIZE(masks); m++) {
		struct mode xp = {"XP", 0x8001003b, CR4_PAE, 0, false};
		struct crm_cpu bare = bare_in(&xp, CRM_INTEL);
		struct crm_cpu guest = guest_of(&bare, masks[m].owned0, masks[m].owned4, CR4_GUEST);
		struct crm_insn from = {.op = CRM_MOV_FROM, .cr = 4}, off = mov_to(0, 0x1003b);
		struct crm_insn pse = mov_to(4, 0x30), on = mov_to(0, 0x8001003b);
		bool exited;

		assert_int_equal(guest.cr[CRM_CR4].hw, 0x2020);
		run_guest(&guest, &off, &exited);
		assert_int_equal(exited, (masks[m].owned0 & CR0_PG) != 0);
		assert_int_equal(run_guest(&guest, &from, &exited).value, 0x20);
		assert_false(exited);
		assert_int_equal(run_guest(&guest, &pse, &exited).value, 0x30);
		assert_int_equal(exited, (masks[m].owned4 & CR4_PSE) != 0);
		assert_int_equal(guest.cr[CRM_CR4].hw, 0x2030);
		run_guest(&guest, &on, &exited);
		assert_int_equal(exited, (masks[m].owned0 & CR0_PG) != 0);
		assert_int_equal(run_guest(&guest, &from, &exited).value, 0x30);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_law_vmx),
		cmocka_unit_test(test_law_svm),
		cmocka_unit_test(test_law_write_back),
		cmocka_unit_test(test_law_reads_never_exit),
		cmocka_unit_test(test_sequences_vmx),
		cmocka_unit_test(test_sequences_svm),
		cmocka_unit_test(test_scenario_sequence),
	};

	return RUN_SEEDED(tests);
}
