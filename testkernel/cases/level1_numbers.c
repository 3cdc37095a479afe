/* SPDX-License-Identifier: MIT */
/* Cases with the numbers of the fault that Lamina is about: what must be is written down here, and
 * the model must say the same. */
#include "testkernel/cases/level1.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "x86/cr.h"

/* One access and its end: the exit's kind, and the value read, or found in the register after. */
struct number {
	const char *text;
	struct crm_cr cr0, cr4; /* cr0.owned: with hw 0, the mode's own register */
	enum l2_mode mode;
	enum crm_op op;
	u64 num, value;
	enum l2_exit_kind end;
	u64 read, hw; /* hw of the register accessed, after */
};

#define VMXE 0x2000

static const struct number numbers[] = {
	/* L1, S7 */
	{"cr4: mask 0x2000, shadow 0, hw 0x2020: reads 0x20",
	 {0},
	 {0x2020, 0, VMXE},
	 L2_FLAT,
	 CRM_MOV_FROM,
	 4,
	 0,
	 L2_CALL,
	 0x20,
	 0x2020},
	/* L2, L6 */
	{"cr4: mask 0x2000, shadow 0, hw 0x2020, write 0x30: no exit, reads 0x30",
	 {0},
	 {0x2020, 0, VMXE},
	 L2_FLAT,
	 CRM_MOV_TO,
	 4,
	 0x30,
	 L2_CALL,
	 0x30,
	 0x2030},
	{"cr4: mask 0x2000, shadow 0, hw 0x2020, write 0x2030: exit",
	 {0},
	 {0x2020, 0, VMXE},
	 L2_FLAT,
	 CRM_MOV_TO,
	 4,
	 0x2030,
	 L2_CR,
	 0,
	 0x2020},
	/* L5 */
	{"cr4: mask 0x2000, shadow 0, hw 0x2020, write 0x20: no exit",
	 {0},
	 {0x2020, 0, VMXE},
	 L2_FLAT,
	 CRM_MOV_TO,
	 4,
	 0x20,
	 L2_CALL,
	 0x20,
	 0x2020},
	/* a shadow that somebody spoiled: what the guest of the fault saw (S1) */
	{"cr4: mask 0x2000, shadow 0x2020, hw 0x2020: reads 0x2020",
	 {0},
	 {0x2020, 0x2020, VMXE},
	 L2_FLAT,
	 CRM_MOV_FROM,
	 4,
	 0,
	 L2_CALL,
	 0x2020,
	 0x2020},
	{"cr4: mask 0x2000, shadow 0x2020, hw 0x2020, write 0x30: exit",
	 {0},
	 {0x2020, 0x2020, VMXE},
	 L2_FLAT,
	 CRM_MOV_TO,
	 4,
	 0x30,
	 L2_CR,
	 0,
	 0x2020},
	/* all owned */
	{"cr4: all owned, shadow 0x20, hw 0x2020, write 0x30: exit",
	 {0},
	 {0x2020, 0x20, ~0ULL},
	 L2_FLAT,
	 CRM_MOV_TO,
	 4,
	 0x30,
	 L2_CR,
	 0,
	 0x2020},
	{"cr4: all owned, shadow 0x20, hw 0x2020, write 0x20: no exit",
	 {0},
	 {0x2020, 0x20, ~0ULL},
	 L2_FLAT,
	 CRM_MOV_TO,
	 4,
	 0x20,
	 L2_CALL,
	 0x20,
	 0x2020},
	/* nothing owned: VMX operation's demands are the guest's #GP (F1, L4) */
	{"cr4: nothing owned, hw 0x2020, write 0x30: #GP",
	 {0},
	 {0x2020, 0, 0},
	 L2_FLAT,
	 CRM_MOV_TO,
	 4,
	 0x30,
	 L2_EXCEPTION,
	 0,
	 0x2020},
	{"cr0: nothing owned, hw 0x31, write 0x11: #GP",
	 {0x31, 0, 0},
	 {0x2020, 0, VMXE},
	 L2_FLAT,
	 CRM_MOV_TO,
	 0,
	 0x11,
	 L2_EXCEPTION,
	 0,
	 0x31},
	{"cr0: NE owned, shadow 0, hw 0x31, write 0x13: no exit, reads 0x13",
	 {0x31, 0, CR0_NE},
	 {0x2020, 0, VMXE},
	 L2_FLAT,
	 CRM_MOV_TO,
	 0,
	 0x13,
	 L2_CALL,
	 0x13,
	 0x33},
	/* the scenario's CR0 writes */
	{"cr0: NE owned, 0x8001003b: write 0x1003b: no exit",
	 {0x8001003b, CR0_NE, CR0_NE},
	 {0x2020, 0, VMXE},
	 L2_PAE,
	 CRM_MOV_TO,
	 0,
	 0x1003b,
	 L2_CALL,
	 0x1003b,
	 0x1003b},
	{"cr0: PG and NE owned, 0x8001003b: write 0x1003b: exit",
	 {0x8001003b, 0x8001003b, CR0_PG | CR0_NE},
	 {0x2020, 0, VMXE},
	 L2_PAE,
	 CRM_MOV_TO,
	 0,
	 0x1003b,
	 L2_CR,
	 0,
	 0x8001003b},
	/* G12, G1, G6, G13 */
	{"cr0: PG without PE: #GP",
	 {0x31, 0x31, CR0_NE},
	 {0x2020, 0, VMXE},
	 L2_FLAT,
	 CRM_MOV_TO,
	 0,
	 0x80000030,
	 L2_EXCEPTION,
	 0,
	 0x31},
	{"cr0: NW without CD: #GP",
	 {0x31, 0x31, CR0_NE},
	 {0x2020, 0, VMXE},
	 L2_FLAT,
	 CRM_MOV_TO,
	 0,
	 0x20000031,
	 L2_EXCEPTION,
	 0,
	 0x31},
	{"cr0: bit 32 in 64-bit mode: #GP",
	 {0x80000031, 0x31, CR0_NE},
	 {0x2020, 0, VMXE},
	 L2_LONG,
	 CRM_MOV_TO,
	 0,
	 0x180000031,
	 L2_EXCEPTION,
	 0,
	 0x80000031},
	{"cr0: PG := 0 in 64-bit mode: #GP",
	 {0x80000031, 0x31, CR0_NE},
	 {0x2020, 0, VMXE},
	 L2_LONG,
	 CRM_MOV_TO,
	 0,
	 0x31,
	 L2_EXCEPTION,
	 0,
	 0x80000031},
	{"cr4: PAE := 0 in 64-bit mode: #GP",
	 {0x80000031, 0x31, CR0_NE},
	 {0x2020, 0, VMXE},
	 L2_LONG,
	 CRM_MOV_TO,
	 4,
	 0,
	 L2_EXCEPTION,
	 0,
	 0x2020},
	/* G2: bits that do not exist are ignored */
	{"cr0: bits 15:6 are ignored",
	 {0x31, 0x31, CR0_NE},
	 {0x2020, 0, VMXE},
	 L2_FLAT,
	 CRM_MOV_TO,
	 0,
	 0xfff1,
	 L2_CALL,
	 0x31,
	 0x31},
	/* G3: the exit comes before the value is judged */
	{"cr0: PG without PE, PG owned: exit",
	 {0x31, 0x31, CR0_PG | CR0_NE},
	 {0x2020, 0, VMXE},
	 L2_FLAT,
	 CRM_MOV_TO,
	 0,
	 0x80000030,
	 L2_CR,
	 0,
	 0x31},
	/* T2, T3 */
	{"clts: TS owned, shadow 0, hw 0x39: no exit, no change",
	 {0x39, 0x31, CR0_TS | CR0_NE},
	 {0x2020, 0, VMXE},
	 L2_FLAT,
	 CRM_CLTS,
	 0,
	 0,
	 L2_CALL,
	 0x31,
	 0x39},
	{"clts: TS owned, shadow 1: exit",
	 {0x31, 0x39, CR0_TS | CR0_NE},
	 {0x2020, 0, VMXE},
	 L2_FLAT,
	 CRM_CLTS,
	 0,
	 0,
	 L2_CR,
	 0,
	 0x31},
	{"lmsw: PE owned, source 0xfff0: no exit, PE stays",
	 {0x31, 0x31, CR0_PE | CR0_NE},
	 {0x2020, 0, VMXE},
	 L2_FLAT,
	 CRM_LMSW,
	 0,
	 0xfff0,
	 L2_CALL,
	 0x31,
	 0x31},
	{"lmsw: PE owned, shadow 0, source 1: exit",
	 {0x30, 0x30, CR0_PE | CR0_NE},
	 {0x2020, 0, VMXE},
	 L2_REAL,
	 CRM_LMSW,
	 0,
	 1,
	 L2_CR,
	 0,
	 0x30},
};

static void run(void *arg)
{
	const struct number *n = arg;
	enum crm_name name = n->op == CRM_MOV_TO || n->op == CRM_MOV_FROM
				     ? (n->num == 4 ? CRM_CR4 : CRM_CR0)
				     : CRM_CR0;
	struct l1_case c;
	struct l1_result r;

	l1_plain(&c, n->mode);
	if (n->cr0.hw)
		c.cr[CRM_CR0] = n->cr0;
	c.cr[CRM_CR4] = n->cr4;
	c.op = n->op;
	c.num = n->num;
	c.gpr = 2;
	c.value = n->value;
	level1_check(&c, &r);
	check(r.x.kind == n->end, "exit kind %u, reason %u, not %u", (u32)r.x.kind, r.x.reason,
	      (u32)n->end);
	if (n->end == L2_CALL)
		check(r.value == n->read, "reads %lx, not %lx", r.value, n->read);
	check(r.after.cr[name].hw == n->hw, "hw is %lx, not %lx", r.after.cr[name].hw, n->hw);
}

void level1_numbers(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		on_each_cpu(run, (void *)(uintptr_t)&numbers[i]);
		tap("%s", numbers[i].text);
	}
}
