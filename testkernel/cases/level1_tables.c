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
	level1_check(c, &r);
}

/* Bit `bit` of the register := one line of (hw, shadow, owned, value), the others honest and
 * unowned. */
static void lane(const struct l1_case *plain, enum crm_name name, u64 bit, u32 line)
{
	u64 forced = name == CRM_CR0 ? CR0_NE : CR4_VMXE;
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

static void lanes(enum crm_name name)
{
	struct l1_case plain;

	runs[this_cpu()->index] = 0;
	for (u32 mode = 0; mode < L2_MODES; mode++) {
		l1_plain(&plain, (enum l2_mode)mode);
		for (u32 bit = 0; bit < 33; bit++)
			for (u32 line = 0; line < 16; line++)
				lane(&plain, name, BIT(bit), line);
	}
	check(runs[this_cpu()->index] > L2_MODES * 33 * 8, "only %u accesses",
	      runs[this_cpu()->index]);
}

static void cr0_lanes(void *unused)
{
	(void)unused;
	lanes(CRM_CR0);
}

static void cr4_lanes(void *unused)
{
	(void)unused;
	lanes(CRM_CR4);
}

/* CLTS in each mode: hw, shadow and mask of TS. */
static void clts_table(void *unused)
{
	struct l1_case c;

	(void)unused;
	for (u32 i = 0; i < L2_MODES * 8; i++) {
		struct crm_cr *r = &c.cr[CRM_CR0];

		l1_plain(&c, (enum l2_mode)(i / 8));
		c.op = CRM_CLTS;
		r->hw |= i & 1 ? CR0_TS : 0;
		r->shadow = i & 2 ? r->hw | CR0_TS : r->hw & ~CR0_TS;
		r->owned = CR0_NE | (i & 4 ? CR0_TS : 0);
		count_and_check(&c);
	}
}

/* All sources, masks and shadows of bits 3:0; the real bits, but for PE, are the shadow's inverse.
 */
static void lmsw_table(void *mode)
{
	struct l1_case c;

	for (u32 i = 0; i < 4096; i++) {
		struct crm_cr *r = &c.cr[CRM_CR0];
		u64 shadow = i >> 4 & 15;

		l1_plain(&c, *(enum l2_mode *)mode);
		c.op = CRM_LMSW;
		c.gpr = i % 8;
		c.mem = i >> 5 & 1;
		c.value = (i & 15) | (i & 1 ? 0xfffffff0 : 0);
		r->owned = CR0_NE | (i >> 8 & 15);
		r->hw |= ~shadow & (CR0_MP | CR0_EM | CR0_TS);
		r->shadow = (r->hw & ~15ULL) | shadow;
		count_and_check(&c);
	}
}

/* Each register as the operand of each MOV, with all owned, where a write of another value exits,
 * and not.
 */
static void registers(void *unused)
{
	(void)unused;
	for (u32 mode = 0; mode < L2_MODES; mode++)
		for (u32 i = 0; i < (mode == L2_LONG ? 128 : 64); i++) {
			struct l1_case c;
			struct crm_cr *r = &c.cr[i & 2 ? CRM_CR4 : CRM_CR0];

			l1_plain(&c, (enum l2_mode)mode);
			c.op = i & 1 ? CRM_MOV_TO : CRM_MOV_FROM;
			c.num = i & 2 ? 4 : 0;
			c.gpr = i >> 3;
			r->owned = i & 4 ? ~0ULL : CR0_NE | CR4_VMXE;
			c.value = r->hw ^ BIT(1);
			/* outside 64-bit mode the upper half does not count */
			if (mode != L2_LONG)
				c.value |= 0xdeadbeef00000000ULL;
			count_and_check(&c);
		}
}

void level1_tables(void)
{
	enum l2_mode mode = L2_REAL;

	on_each_cpu(cr0_lanes, NULL); /* L1 L2 L5 L6 F1 G12 */
	tap("cr0: each bit, all 16 lines of hw, shadow, owned and value, in every mode");
	on_each_cpu(cr4_lanes, NULL); /* L1 L2 L5 L6 F1 F4 G7 G8 G13 S34 */
	tap("cr4: each bit, all 16 lines of hw, shadow, owned and value, in every mode");
	on_each_cpu(clts_table, NULL); /* T2 T9 */
	tap("clts: all 8 lines of hw, shadow and owned, in every mode");
	on_each_cpu(lmsw_table, &mode); /* T3 T4 T5 */
	tap("lmsw: all sources, shadows and masks of bits 3:0, PE clear");
	mode = L2_LONG;
	on_each_cpu(lmsw_table, &mode);
	tap("lmsw: all sources, shadows and masks of bits 3:0, PE set");
	on_each_cpu(registers, NULL); /* S31 */
	tap("mov: each register to and from CR0 and CR4, in every mode");
}
