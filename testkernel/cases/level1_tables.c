/* SPDX-License-Identifier: MIT */
/* Truth tables, all of their lines, in every mode. */
#include "testkernel/cases/level1.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "x86/cr.h"

static u32 runs[MAX_CPUS]; /* of the present table */

static void count_and_check(const struct l1_case *c)
{
	struct l1_result r;

	runs[this_cpu()->index]++;
	(void)level1_check(c, &r);
}

/* Bit `bit` of the register := one line of (hw, shadow, owned, value), the others honest and
 * unowned. */
static void lane(const struct l1_case *plain, enum crm_name name, u64 bit, u32 line)
{
	u64 forced = l1_forced(name);
	struct l1_case c = *plain;
	struct crm_cr *r = &c.cr[name];

	r->owned = (forced & ~bit) | (line & 4 ? bit : 0);
	r->hw = line & 1 ? r->hw | bit : r->hw & ~bit;
	r->shadow = line & 2 ? r->hw | bit : r->hw & ~bit;
	c.op = CRM_MOV_FROM;
	c.num = name == CRM_CR0 ? 0 : 4;
	if (!l1_enterable(&c))
		return;
	if (!(line & 8))
		count_and_check(&c);
	c.op = CRM_MOV_TO;
	c.value = line & 8 ? crm_read(r) | bit : crm_read(r) & ~bit;
	count_and_check(&c);
}

#define LANES (L2_MODES * 33) /* a mode and a bit */

static void lanes(enum crm_name name, u32 part)
{
	struct l1_case plain;
	u32 *n = &runs[this_cpu()->index];

	if (part == 0)
		*n = 0;
	l1_plain(&plain, (enum l2_mode)(part / 33));
	for (u32 line = 0; line < 16; line++)
		lane(&plain, name, BIT(part % 33), line);
	if (part == LANES - 1)
		check(*n > LANES * 8, "only %u accesses", *n);
}

static void cr0_lanes(u32 part)
{
	lanes(CRM_CR0, part);
}

static void cr4_lanes(u32 part)
{
	lanes(CRM_CR4, part);
}

/* CLTS in each mode: hw, shadow and mask of TS. */
static void clts_table(u32 mode)
{
	struct l1_case c;

	for (u32 i = 0; i < 8; i++) {
		struct crm_cr *r = &c.cr[CRM_CR0];

		l1_plain(&c, (enum l2_mode)mode);
		c.op = CRM_CLTS;
		r->hw |= i & 1 ? CR0_TS : 0;
		r->shadow = i & 2 ? r->hw | CR0_TS : r->hw & ~CR0_TS;
		r->owned = l1_forced(CRM_CR0) | (i & 4 ? CR0_TS : 0);
		count_and_check(&c);
	}
}

/* All sources, masks and shadows of bits 3:0; the real bits, but for PE, are the shadow's inverse.
 */
static void lmsw_table(enum l2_mode mode, u32 owned)
{
	struct l1_case c;

	for (u32 i = 0; i < 256; i++) {
		struct crm_cr *r = &c.cr[CRM_CR0];
		u64 shadow = i >> 4 & 15;

		l1_plain(&c, mode);
		c.op = CRM_LMSW;
		c.gpr = i % 8;
		c.mem = i >> 5 & 1;
		c.value = (i & 15) | (i & 1 ? 0xfffffff0 : 0);
		r->owned = l1_forced(CRM_CR0) | owned;
		r->hw |= ~shadow & (CR0_MP | CR0_EM | CR0_TS);
		r->shadow = (r->hw & ~15ULL) | shadow;
		count_and_check(&c);
	}
}

static void lmsw_real(u32 owned)
{
	lmsw_table(L2_REAL, owned);
}

static void lmsw_long(u32 owned)
{
	lmsw_table(L2_LONG, owned);
}

/* Each register as the operand of each MOV, with all owned, where a write of another value exits,
 * and not.
 */
static void registers(u32 mode)
{
	for (u32 i = 0; i < (mode == L2_LONG ? 128 : 64); i++) {
		struct l1_case c;
		struct crm_cr *r = &c.cr[i & 2 ? CRM_CR4 : CRM_CR0];

		l1_plain(&c, (enum l2_mode)mode);
		c.op = i & 1 ? CRM_MOV_TO : CRM_MOV_FROM;
		c.num = i & 2 ? 4 : 0;
		c.gpr = i >> 3;
		r->owned = i & 4 ? ~0ULL : l1_forced(i & 2 ? CRM_CR4 : CRM_CR0);
		c.value = r->hw ^ BIT(1);
		/* outside 64-bit mode the upper half does not count */
		if (mode != L2_LONG)
			c.value |= 0xdeadbeef00000000ULL;
		count_and_check(&c);
	}
}

void level1_tables(void)
{
	level1_parts(cr0_lanes, LANES); /* L1 L2 L5 L6 F1 G12 */
	level1_tap("cr0: each bit, all 16 lines of hw, shadow, owned and value, in every mode");
	level1_parts(cr4_lanes, LANES); /* L1 L2 L5 L6 F1 F4 G7 G8 G13 S34 */
	level1_tap("cr4: each bit, all 16 lines of hw, shadow, owned and value, in every mode");
	level1_parts(clts_table, L2_MODES); /* T2 T9 */
	level1_tap("clts: all 8 lines of hw, shadow and owned, in every mode");
	level1_parts(lmsw_real, 16); /* T3 T4 T5 */
	level1_tap("lmsw: all sources, shadows and masks of bits 3:0, PE clear");
	level1_parts(lmsw_long, 16);
	level1_tap("lmsw: all sources, shadows and masks of bits 3:0, PE set");
	level1_parts(registers, L2_MODES); /* S31 */
	level1_tap("mov: each register to and from CR0 and CR4, in every mode");
}
