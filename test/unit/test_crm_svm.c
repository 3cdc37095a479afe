/* SPDX-License-Identifier: MIT */
/*
 * SVM has neither mask nor shadow, only intercepts, of which crm_svm_intercepts chooses as few as
 * keep the law (AMD APM vol. 2, 15.9, and table 15-7 for the selective one).
 */
#include "crm_world.h"

static struct crm_cpu guest_with(u64 cr0, u64 owned0, struct crm_intercepts t)
{
	struct mode m = {"", cr0, 0, 0, false};
	struct crm_cpu c = bare_in(&m, CRM_AMD);

	c.cr[CRM_CR0].owned = owned0;
	c.intercepts[CRM_CR0] = t;
	return c;
}

/* A1: the selective intercept does not see MOVs that change only TS and MP, nor CLTS; it takes any
 * LMSW; and the full one takes all. */
static void test_selective(void **state)
{
	const u64 start = PROTECTED | CR0_TS | CR0_NE;

	(void)state;
	for (u32 full = 0; full < 2; full++)
		for (u32 a = 0; a < 32; a++)
			for (u32 b = a; b < 32; b++) {
				struct crm_intercepts t = {.write = full, .selective = true};
				struct crm_cpu c = guest_with(start, ~0ULL, t);
				u64 changed = BIT(a) | BIT(b);
				struct crm_insn mov = mov_to(0, start ^ changed);
				struct crm_insn lmsw = {.op = CRM_LMSW, .value = start & 15};
				struct crm_insn clts = {.op = CRM_CLTS};

				assert_int_equal(crm_exits(&c, &mov),
						 full || (changed & ~(CR0_TS | CR0_MP)));
				assert_true(crm_exits(&c, &lmsw));
				assert_int_equal(crm_exits(&c, &clts), full);
			}
}

/* Without an intercept nothing exits, whatever the hypervisor calls owned. */
static void test_no_intercepts(void **state)
{
	struct crm_cpu c = guest_with(PROTECTED, ~0ULL, (struct crm_intercepts){0});

	(void)state;
	for (u32 op = CRM_MOV_TO; op <= CRM_SMSW; op++) {
		struct crm_insn i = {.op = (enum crm_op)op, .value = PROTECTED | CR0_TS};

		assert_int_equal(crm_execute(&c, &i).verdict, CRM_OK);
	}
}

/* A6: reads are intercepted iff an owned bit of hw differs from what the guest is to see; writes
 * iff a bit is owned, by the selective intercept where TS and MP are not among them. All 64 lanes.
 */
static void test_fewest_intercepts(void **state)
{
	(void)state;
	for (u32 n = 0; n < CRM_CRS; n++)
		for (u32 bit = 0; bit < 64; bit++)
			for (u32 k = 0; k < 8; k++) {
				bool hw = k & 1, shadow = k & 2, owned = k & 4;
				struct crm_cr c = {(u64)hw << bit, (u64)shadow << bit,
						   (u64)owned << bit};
				struct crm_intercepts t = crm_svm_intercepts((enum crm_name)n, &c);
				bool differs = owned && hw != shadow;
				bool selective = n == CRM_CR0 && !differs && bit != 1 && bit != 3;

				assert_int_equal(t.read, differs);
				assert_int_equal(t.write, owned && !selective);
				assert_int_equal(t.selective, owned && selective);
			}
}

/* S23, A6, L7: a hypervisor that keeps MCE and TS set in hw behind the guest's back. The guest
 * reads what it wrote; the intercepts come and go with the difference. */
static void test_hidden_bits(void **state)
{
	u32 read_exits = 0, quiet_reads = 0;

	(void)state;
	for (u32 round = 0; round < 20000; round++) {
		struct mode m = {"", PROTECTED | (rnd() & (CR0_TS | CR0_NE)),
				 rnd() & (CR4_MCE | CR4_PSE), 0, false};
		struct crm_cpu bare = bare_in(&m, CRM_AMD), g = bare;
		struct crm_insn i = {.op = (enum crm_op)rnd_below(5), .cr = rnd_below(2) ? 4 : 0};
		struct crm_result want, got;
		bool exited;

		g.limits[CRM_CR0].must1 = CR0_TS;
		g.limits[CRM_CR4].must1 = CR4_MCE;
		for (u32 n = 0; n < CRM_CRS; n++) {
			u64 owned = crm_minimum(&g, (enum crm_name)n);

			g.cr[n] = crm_make(&g.limits[n], bare.cr[n].hw, owned);
			g.intercepts[n] = crm_svm_intercepts((enum crm_name)n, &g.cr[n]);
		}
		i.value = bare.cr[i.cr / 4].hw ^
			  (rnd() & (i.cr ? CR4_MCE | CR4_TSD : CR0_TS | CR0_MP));
		want = run_native(&bare, &i);
		got = run_guest(&g, &i, &exited);
		assert_int_equal(got.verdict, want.verdict);
		assert_int_equal(got.value, want.value);
		for (u32 n = 0; n < CRM_CRS; n++) {
			bool differs = (g.cr[n].hw ^ crm_read(&g.cr[n])) != 0;

			assert_int_equal(crm_read(&g.cr[n]), bare.cr[n].hw);
			assert_int_equal(g.cr[n].hw & g.limits[n].must1, g.limits[n].must1);
			assert_int_equal(g.intercepts[n].read, differs);
		}
		if (i.op == CRM_MOV_FROM || i.op == CRM_SMSW) {
			read_exits += exited;
			quiet_reads += !exited;
		}
	}
	assert_true(read_exits > 1000 && quiet_reads > 1000);
}

/* A4, A5: what VMRUN refuses (AMD APM vol. 2, 15.5.1) never gets into hw, whatever the guest
 * writes. */
static void test_vmrun_takes_it(void **state)
{
	u32 refused = 0;

	(void)state;
	for (u32 round = 0; round < 50000; round++) {
		const struct mode *m = &modes[rnd_below(ARRAY_SIZE(modes))];
		struct crm_cpu bare = bare_in(m, CRM_AMD);
		struct crm_cpu g = guest_of(&bare, rnd(), rnd(), CR4_GUEST);
		u8 cr = round & 1 ? 4 : 0;
		struct crm_insn i = mov_to(cr, bare.cr[cr / 4].hw ^ rnd_bits(3));
		bool exited;
		u64 cr0;

		refused += run_guest(&g, &i, &exited).verdict == CRM_GP;
		cr0 = g.cr[CRM_CR0].hw;
		assert_int_equal(cr0 >> 32, 0);
		assert_false((cr0 & CR0_NW) && !(cr0 & CR0_CD));
		assert_false((cr0 & CR0_PG) && !(cr0 & CR0_PE));
		assert_int_equal(g.cr[CRM_CR4].hw & ~CR4_GUEST, 0);
		assert_false((g.efer & EFER_LME) && (cr0 & CR0_PG) &&
			     !(g.cr[CRM_CR4].hw & CR4_PAE));
	}
	assert_true(refused > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_selective),	  cmocka_unit_test(test_no_intercepts),
		cmocka_unit_test(test_fewest_intercepts), cmocka_unit_test(test_hidden_bits),
		cmocka_unit_test(test_vmrun_takes_it),
	};

	return RUN_SEEDED(tests);
}
