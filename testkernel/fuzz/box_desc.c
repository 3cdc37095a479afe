/* SPDX-License-Identifier: MIT */
#include "testkernel/fuzz/box_desc.h"
#include "testkernel/fuzz/box_tables.h"
#include "lib/string.h"

#define GATE_PRESENT   0x8e00u
#define GATE_USER      0x6000u
#define VEC_USER_FIRST 0x40 /* INT n of these is CPL 3's too */
#define VEC_USER_LAST  0x9f
#define TYPE_TASK_GATE 0x8500u
#define CODE_LIMIT     0x1fff

struct gate32 {
	u16 offset0, selector, type, offset16;
};

extern const u8 box_gates64[], box_gates32[];

static struct gate idt64[VEC_COUNT] __attribute__((aligned(16)));
static struct gate32 idt32[VEC_COUNT] __attribute__((aligned(16)));

static bool user_gate(u32 vector)
{
	return vector == VECTOR_BP || vector == VECTOR_OF ||
	       (vector >= VEC_USER_FIRST && vector <= VEC_USER_LAST);
}

static void idts_init(void)
{
	for (u32 i = 0; i < VEC_COUNT; i++) {
		u32 to64 = (u32)(uintptr_t)box_gates64 + i * 16;
		u32 to32 = (u32)(uintptr_t)box_gates32 + i * 16;
		u16 type = GATE_PRESENT | (user_gate(i) ? GATE_USER : 0);
		u8 ist = i == VECTOR_NMI ? 2 : i == VECTOR_DB ? 3 : 1;

		idt64[i] = (struct gate){.offset0 = (u16)to64,
					 .selector = BOX_CODE64,
					 .ist = ist,
					 .type = (u8)(type >> 8),
					 .offset16 = (u16)(to64 >> 16)};
		idt32[i] = (struct gate32){(u16)to32, BOX_CODE32, type, (u16)(to32 >> 16)};
	}
	idt32[VECTOR_DF] = (struct gate32){0, BOX_TSSDF, TYPE_TASK_GATE, 0};
}

u64 box_descriptor(u64 base, u32 limit, u32 access, u32 flags)
{
	return (limit & 0xffff) | (base & 0xffffff) << 16 | (u64)access << 40 |
	       (u64)(limit >> 16 & 15) << 48 | (u64)flags << 52 | (base >> 24 & 0xff) << 56;
}

/* Those that the code in the box has; all are marked as accessed. */
static void gdt_of_code(u64 *g, u64 base)
{
	const u64 code = base + ARENA_CODE;
	const u32 limit = ARENA_SIZE - 1;

	g[TK_CODE64 / 8] = box_descriptor(0, 0xfffff, 0x9b, 0xa);
	g[BS_DATA / 8] = box_descriptor(base, limit, 0x93, 4);
	g[BS_DATA16 / 8] = box_descriptor(base, limit, 0x93, 0);
	g[BS_UDATA / 8] = box_descriptor(base, limit, 0xf3, 4);
	g[BS_UDATA16 / 8] = box_descriptor(base, limit, 0xf3, 0);
	g[BS_CODE32 / 8] = box_descriptor(code, CODE_LIMIT, 0x9b, 4);
	g[BS_CODE16 / 8] = box_descriptor(code, CODE_LIMIT, 0x9b, 0);
	g[BS_UCODE32 / 8] = box_descriptor(code, CODE_LIMIT, 0xfb, 4);
	g[BS_UCODE16 / 8] = box_descriptor(code, CODE_LIMIT, 0xfb, 0);
	g[BS_UDATA64 / 8] = box_descriptor(base, limit, 0xf3, 4);
	g[BS_UCODE64 / 8] = box_descriptor(0, 0, 0xfb, 2);
	g[BS_CODE64 / 8] = box_descriptor(0, 0, 0x9b, 2);
	g[BS_FLAT64 / 8] = box_descriptor(base, limit, 0x93, 4);
	g[BS_ABSENT / 8] = box_descriptor(base, limit, 0x13, 4);
	g[BS_READONLY / 8] = box_descriptor(base, limit, 0xf1, 4);
	g[BS_DOWN / 8] = box_descriptor(base, 0xfff, 0x97, 0);
	g[BS_CONFORM / 8] = box_descriptor(code, CODE_LIMIT, 0x9f, 4);
	g[BS_WINDOW / 8] = box_descriptor(ARENA_HIDDEN, WINDOW_PAGES * PAGE_SIZE - 1, 0xf3, 4);
	g[BS_LDT / 8] = box_descriptor(base, 0xff, 0x82, 0);
}

static void gdt_of_box(struct box *b, u32 cpu)
{
	u64 *g = b->gdt;

	g[BOX_CODE64 / 8] = box_descriptor(0, 0xfffff, 0x9b, 0xa);
	g[BOX_DATA / 8] = box_descriptor(0, 0xfffff, 0x93, 0xc);
	g[BOX_CODE32 / 8] = box_descriptor(0, 0xfffff, 0x9b, 0xc);
	g[BOX_SELF / 8] = box_descriptor((uintptr_t)b, BOX_SIZE - 1, 0x93, 4);
	g[BOX_CTL / 8] = box_descriptor(REAL_CTL(cpu), 0xffff, 0x9b, 0);
	g[BOX_REAL / 8] = box_descriptor(0, 0xffff, 0x93, 0);
	g[BOX_RSTACK / 8] = box_descriptor(0, 0xfffff, 0x93, 8);
}

static void make_desc_ptr(u8 *at, const void *table, size_t size)
{
	memcpy(at, &(struct desc_ptr){(u16)(size - 1), (uintptr_t)table}, sizeof(struct desc_ptr));
}

void box_desc_init(struct box *b, u64 arena)
{
	idts_init();
	gdt_of_code(b->gdt, arena);
	gdt_of_box(b, this_cpu()->index);
	make_desc_ptr(b->gdtr, b->gdt, sizeof(b->gdt));
	make_desc_ptr(b->idtr64, idt64, sizeof(idt64));
	make_desc_ptr(b->idtr32, idt32, sizeof(idt32));
}

void box_desc_map(u32 cpu)
{
	box_tables_kernel(cpu, idt64, idt64 + VEC_COUNT, false);
	box_tables_kernel(cpu, idt32, idt32 + VEC_COUNT, false);
}
