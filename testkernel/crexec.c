/* SPDX-License-Identifier: MIT */
#include "testkernel/crexec.h"
#include "testkernel/cpu.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "lib/string.h"

#define TABLE_END   MiB(4)
#define GATE32	    0x8e00u /* present, 32-bit interrupt gate */
#define GATE_USER   0x60    /* CPL 3 may use it */
#define GATE_SIZE   16
#define INT3	    0xcc
#define OPERAND32   0x66
#define FIRST_PAGES 2 /* of 4 KiB that no table can map and that nobody needs */

struct gate32 {
	u16 offset0, selector, type, offset16;
};

extern const u8 crx_low_start[], crx_low_end[], crx_land16[];
extern const u8 crx_leave16[], crx_leave16_end[];
extern const u8 crx_next32[], crx_next64[], crx_gates32[], crx_gates64[];
void crx_enter(struct crx_context *c);

_Static_assert(sizeof(struct crx_op) == OP_SIZE, "crexec_layout.h");
_Static_assert(sizeof(struct crx_context) <= CTX_RSP, "crexec_layout.h");
_Static_assert(CRX_BASE + MAX_CPUS * CRX_STEP <= LOW_USED_END, "layout.h");

static struct gate32 idt32[VECTOR_COUNT];
static struct gate idt64[VECTOR_COUNT];
struct desc_ptr crx_idt32_ptr = {.limit = sizeof(idt32) - 1};
struct desc_ptr crx_idt64_ptr = {.limit = sizeof(idt64) - 1};

/* Each page is the table of the next level below for one kind of paging, and its first entries are
 * also the link of another kind: what 32-bit paging takes for its page table (level 1) is the third
 * level of 4-level paging. */
static union {
	u32 e32[1024];
	u64 e64[512];
} level[5] __attribute__((aligned(4096)));

u64 crx_tables(void)
{
	return (uintptr_t)&level[0];
}

static bool is_user(u64 page)
{
	u64 at = page << PAGE_SHIFT;

	return at >= CRX_BASE && at < CRX_BASE + MAX_CPUS * CRX_STEP &&
	       (at - CRX_BASE) % CRX_STEP == CRX_USER;
}

static u32 leaf(u32 page)
{
	return (u32)(page << PAGE_SHIFT | (is_user(page) ? PTE_U : 0) | PTE_W | PTE_P);
}

static void build_tables(void)
{
	const u64 link = PTE_U | PTE_W | PTE_P;
	const u64 high = PAGE_2M | PTE_PS | PTE_W | PTE_P;

	memset(level, 0, sizeof(level));
	for (u32 i = 0; i < 4; i++)
		level[i].e64[0] = (uintptr_t)&level[i + 1] | link;
	level[0].e64[CRX_PDPT / 8] = (uintptr_t)&level[2] | PTE_P;
	for (u32 i = FIRST_PAGES; i < ARRAY_SIZE(level[1].e32); i++)
		level[1].e32[i] = leaf(i);
	level[2].e64[1] = high; /* 4 levels and PAE */
	level[3].e64[1] = high; /* 5 levels */
	for (u32 i = FIRST_PAGES; i < ARRAY_SIZE(level[3].e64); i++)
		level[3].e64[i] = level[4].e64[i] = leaf(i);
}

static void build_idts(void)
{
	for (u32 i = 0; i < VECTOR_COUNT; i++) {
		u32 entry32 = (u32)(uintptr_t)crx_gates32 + i * GATE_SIZE;
		u32 entry64 = (u32)(uintptr_t)crx_gates64 + i * GATE_SIZE;
		u8 user = i == VECTOR_BP ? GATE_USER : 0;

		idt32[i] = (struct gate32){(u16)entry32, TK_CODE32, (u16)(GATE32 | user << 8),
					   (u16)(entry32 >> 16)};
		idt64[i] = (struct gate){.offset0 = (u16)entry64,
					 .selector = TK_CODE64,
					 .ist = IST_FAULT,
					 .type = (u8)(GATE32 >> 8 | user),
					 .offset16 = (u16)(entry64 >> 16)};
	}
	crx_idt32_ptr.base = (uintptr_t)idt32;
	crx_idt64_ptr.base = (uintptr_t)idt64;
}

void crx_init(void)
{
	if ((uintptr_t)&cpus[MAX_CPUS] > TABLE_END || (uintptr_t)&level[5] > TABLE_END)
		panic("the test kernel does not end below %lx", TABLE_END);
	build_tables();
	build_idts();
	for (u32 i = 0; i < MAX_CPUS; i++)
		memcpy((void *)(uintptr_t)(CRX_BASE + i * CRX_STEP + CTX_LEAVE16), crx_leave16,
		       (size_t)(crx_leave16_end - crx_leave16));
	memcpy((void *)(uintptr_t)CRX_LOW, crx_low_start, (size_t)(crx_low_end - crx_low_start));
}

struct crx_context *crx_context(void)
{
	return (void *)(uintptr_t)(CRX_BASE + this_cpu()->index * CRX_STEP);
}

struct code {
	u8 *p;
	bool is16;
};

static void bytes(struct code *c, u64 value, u32 n)
{
	for (u32 i = 0; i < n; i++)
		*c->p++ = (u8)(value >> 8 * i);
}

/* In 16-bit code a 32-bit operand wants a prefix. */
static void operand32(struct code *c)
{
	if (c->is16)
		bytes(c, OPERAND32, 1);
}

/* A 32-bit value is zero-extended in 64-bit code. */
static void load(struct code *c, u8 code, u8 reg, u64 value)
{
	bool wide = code == CRX_CODE64 && value >> 32;

	operand32(c);
	if (wide || reg > RDI)
		bytes(c, (wide ? 0x48u : 0x40u) | reg >> 3, 1);
	bytes(c, 0xb8u | (reg & 7), 1);
	bytes(c, value, wide ? 8 : 4);
}

static void store(struct code *c, u8 code, u8 reg, const u64 *to)
{
	u64 at = (uintptr_t)to;

	operand32(c);
	if (code == CRX_CODE64)
		bytes(c, 0x48u | (reg >> 3) << 2, 1);
	bytes(c, 0x89, 1);
	bytes(c, (reg & 7u) << 3 | (c->is16 ? 6 : 5), 1);
	if (c->is16)
		bytes(c, at % CRX_SIZE, 2); /* DS is the context */
	else if (code == CRX_CODE32)
		bytes(c, at, 4);
	else
		bytes(c, at - ((uintptr_t)c->p + 4), 4);
}

static void jump(struct code *c, u8 code)
{
	uintptr_t to = (uintptr_t)(code == CRX_CODE64 ? crx_next64 : crx_next32);

	if (code == CRX_CODE16) {
		u64 next = ((uintptr_t)c->p + 3) % CRX_SIZE;

		bytes(c, 0xe9, 1);
		bytes(c, CTX_LEAVE16 - next, 2);
	} else if (c->is16) {
		bytes(c, 0xea, 1);
		bytes(c, CRX_LOW + (u64)(crx_land16 - crx_low_start), 4); /* selector 0 */
	} else {
		bytes(c, 0xe9, 1);
		bytes(c, to - ((uintptr_t)c->p + 4), 4);
	}
}

static void encode_user(struct crx_op *o, const struct crx_insn *i)
{
	u8 *p = (u8 *)(uintptr_t)o->user;

	memcpy(p, i->bytes, i->size);
	p[i->size] = INT3;
}

void crx_encode(u32 n, u8 code, u8 ring, u8 due, const struct crx_insn *i)
{
	struct crx_context *x = crx_context();
	struct crx_op *o = &x->ops[n];
	struct code c = {o->stub, code == CRX_CODE16 || code == CRX_CODE16P};
	uintptr_t top = (uintptr_t)x + CTX_TOP;

	o->code = code;
	o->ring = ring;
	o->vector = 0;
	o->due = due;
	o->user = (u32)((uintptr_t)x + CRX_USER + n * CRX_STUBS);
	o->value = ring == CRX_KERNEL ? 0 : i->value;
	if (ring != CRX_KERNEL) {
		encode_user(o, i);
		return;
	}
	if (i->msr) {
		load(&c, code, RCX, MSR_EFER);
		load(&c, code, RDX, 0);
	}
	if (i->has_reg)
		load(&c, code, i->reg, i->value);
	if (i->size16)
		operand32(&c);
	if (i->rex && code == CRX_CODE64)
		bytes(&c, i->rex, 1);
	for (u32 k = 0; k < i->size; k++)
		bytes(&c, i->bytes[k], 1);
	if (i->has_reg && code != CRX_CODE16P)
		store(&c, code, i->reg, &o->value);
	operand32(&c);
	bytes(&c, 0xbc, 1); /* ESP */
	bytes(&c, code == CRX_CODE16 ? CTX_TOP : top, 4);
	jump(&c, code);
}

u32 crx_run(u32 n)
{
	struct crx_context *x = crx_context();
	struct cpu *c = this_cpu();
	u64 top = (uintptr_t)x + CTX_TOP;
	u64 ist = c->tss.ist[IST_FAULT - 1], rsp0 = c->tss.rsp[0];

	x->ops[n].code = CRX_END;
	x->ops[n].ring = x->ops[n].vector = x->ops[n].due = 0;
	c->tss.ist[IST_FAULT - 1] = top;
	c->tss.rsp[0] = top | (u64)TK_DATA << 32; /* ESP0 and SS0 of a 32-bit TSS */
	crx_enter(x);
	wrmsr(MSR_GS_BASE, (uintptr_t)c); /* other modes loaded GS */
	c->tss.ist[IST_FAULT - 1] = ist;
	c->tss.rsp[0] = rsp0;
	return (u32)((*(u64 *)(uintptr_t)top - (uintptr_t)x) / OP_SIZE);
}
