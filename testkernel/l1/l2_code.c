/* SPDX-License-Identifier: MIT */
/* The guest's instructions (Intel SDM vol. 2A, 2.1 and 2.2; vol. 2B, MOV CR; LMSW, SMSW, CLTS). */
#include "testkernel/l1/l2.h"
#include "testkernel/trap.h"

#define OP_SIZE 0x66
#define REX	0x40
#define REX_W	0x08
#define REX_R	0x04
#define REX_B	0x01

#define HLT	    0xf4
#define MOV_FROM_CR 0x20
#define MOV_TO_CR   0x22
#define GROUP7_SMSW 4u
#define GROUP7_LMSW 6u

struct code {
	u8 *p;
	u32 n;
};

static void byte(struct code *o, u32 b)
{
	o->p[o->n++] = (u8)b;
}

static bool code16(const struct l1_case *c)
{
	return c->mode == L2_REAL || c->mode == L2_V86;
}

static void mov_cr(struct code *o, u32 opcode, u32 cr, u32 gpr)
{
	u32 rex = (cr >= 8 ? REX_R : 0) | (gpr >= 8 ? REX_B : 0);

	if (rex)
		byte(o, REX | rex);
	byte(o, 0x0f);
	byte(o, opcode);
	byte(o, 0xc0 | (cr & 7) << 3 | (gpr & 7));
}

/* ModRM and displacement that name the guest's data, by an absolute address. */
static void operand_memory(const struct l1_case *c, struct code *o, u32 reg)
{
	u64 address = code16(c) ? L2_DATA : l2_area(c) + L2_DATA;

	if (code16(c)) {
		byte(o, reg << 3 | 6);
	} else if (c->mode == L2_LONG) {
		byte(o, reg << 3 | 4);
		byte(o, 0x25); /* SIB: no base, no index */
	} else {
		byte(o, reg << 3 | 5);
	}
	for (u32 i = 0; i < (code16(c) ? 2 : 4); i++)
		byte(o, address >> 8 * i & 0xff);
}

/* LMSW and SMSW. */
static void group7(const struct l1_case *c, struct code *o, u32 reg)
{
	u32 rex = (!c->mem && c->gpr >= 8 ? REX_B : 0) | (c->bits == 64 ? REX_W : 0);

	if (reg == GROUP7_SMSW && (c->bits == 16) != code16(c) && c->bits != 64)
		byte(o, OP_SIZE);
	if (rex)
		byte(o, REX | rex);
	byte(o, 0x0f);
	byte(o, 0x01);
	if (c->mem)
		operand_memory(c, o, reg);
	else
		byte(o, 0xc0 | reg << 3 | (c->gpr & 7));
}

static void access(const struct l1_case *c, struct code *o)
{
	switch (c->op) {
	case CRM_MOV_TO: mov_cr(o, MOV_TO_CR, c->num, c->gpr); break;
	case CRM_MOV_FROM: mov_cr(o, MOV_FROM_CR, c->num, c->gpr); break;
	case CRM_LMSW: group7(c, o, GROUP7_LMSW); break;
	case CRM_SMSW: group7(c, o, GROUP7_SMSW); break;
	default: byte(o, 0x0f); byte(o, 0x06); /* CLTS */
	}
}

/* A write that can be read back without an exit. */
static bool reads_back(const struct l1_case *c)
{
	struct crm_intercepts traps[CRM_CRS];
	bool mov = c->op == CRM_MOV_TO;

	if (!mov && c->op != CRM_LMSW && c->op != CRM_CLTS)
		return false;
	l2_traps(c, traps);
	if (l1 != &l1_svm || (mov && c->num != 0 && c->num != 4))
		return true;
	return !traps[mov && c->num == 4 ? CRM_CR4 : CRM_CR0].read;
}

u32 l2_code(const struct l1_case *c, u32 *total, u32 *back)
{
	struct code o = {.p = (u8 *)(uintptr_t)(l2_area(c) + L2_CODE)};
	u32 length;

	*back = 16;
	access(c, &o);
	length = o.n;
	if (reads_back(c)) {
		*back = c->gpr == RBX ? RCX : RBX;
		mov_cr(&o, MOV_FROM_CR, c->op == CRM_MOV_TO ? c->num : 0, *back);
	}
	*total = o.n;
	for (u32 i = 0; i < sizeof(l1->call); i++)
		byte(&o, l1->call[i]);
	byte(&o, HLT); /* never reached: here QEMU ends what it translates, each time anew */
	if (c->mem && c->op == CRM_LMSW)
		*(u16 *)(uintptr_t)(l2_area(c) + L2_DATA) = (u16)c->value;
	return length;
}
