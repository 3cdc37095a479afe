/* SPDX-License-Identifier: MIT */
/* Segments, flags, stacks, interrupts, calls; and instructions with memory operands. */
#include "testkernel/fuzz/gen.h"
#include "testkernel/cpu.h"
#include "testkernel/quirks.h"
#include "x86/msr.h"

static u16 selector(struct gen *g)
{
	static const u16 list[] = {0,	       3,	  BS_DATA,   BS_DATA16,	  BS_UDATA,
				   BS_UDATA16, BS_CODE32, BS_CODE16, BS_UCODE32,  BS_UDATA64,
				   BS_UCODE64, BS_CODE64, BS_ABSENT, BS_READONLY, BS_DOWN,
				   BS_CONFORM, BS_GATE,	  BS_LDT,    BOX_GDT * 8};

	return list[gen_below(g, ARRAY_SIZE(list))] | (gen_once_in(g, 8) ? gen_below(g, 4) : 0);
}

/* In real mode and in virtual-8086 mode a segment register may hold no other than its own value. */
static bool has_segments(const struct gen *g)
{
	return g->c->run.mode != BOX_REAL_MODE && g->c->run.mode != BOX_V86;
}

static bool load_segment(struct gen *g)
{
	static const u8 regs[] = {0, 2, 2, 3, 4, 5, 1};

	if (!has_segments(g))
		return false;
	gen_load(g, RAX, selector(g));
	gen_byte(g, 0x8e);
	gen_byte(g, (u8)(0xc0 | regs[gen_below(g, ARRAY_SIZE(regs))] << 3));
	return true;
}

static bool stack_segment(struct gen *g)
{
	if (!has_segments(g))
		return false;
	gen_load(g, RAX, g->mode->ss);
	gen_bytes(g, 0xd08e, 2);
	return true;
}

/* IOPL 0: with another CPL 3 could reach ports. */
static u64 some_flags(struct gen *g)
{
	static const u32 flips[] = {RFLAGS_TF, RFLAGS_NT, 0x40000, 0x200000, 0x10000, 0x400, 0x8d5};
	u32 v = (u32)(RFLAGS_FIXED | RFLAGS_IF);

	v ^= flips[gen_below(g, ARRAY_SIZE(flips))];
	return gen_once_in(g, 2) ? v | (u32)RFLAGS_TF : v;
}

static bool flags(struct gen *g)
{
	static const u8 ops[] = {0xfb, 0xfa, 0xfc, 0xfd, 0xf8, 0xf9, 0x9c};

	if (gen_once_in(g, 2)) {
		gen_byte(g, ops[gen_below(g, ARRAY_SIZE(ops))]);
		return true;
	}
	gen_load(g, RAX, some_flags(g));
	if (g->mode->bits == 16) {
		gen_bytes(g, 0x9d665066, 4);
	} else {
		gen_bytes(g, 0x9d50, 2);
	}
	return true;
}

static bool interrupt(struct gen *g)
{
	switch (gen_below(g, 8)) {
	case 0: gen_byte(g, 0xcc); break;
	case 1: gen_byte(g, 0xce); break; /* INTO */
	case 2: gen_byte(g, 0xf1); break;
	case 3: gen_bytes(g, 0x0b0f, 2); break;
	default: gen_bytes(g, 0xcd | gen_random(g) << 8, 2); break;
	}
	return true;
}

static void push(struct gen *g, u64 value)
{
	gen_load(g, RAX, value);
	if (g->mode->bits == 16)
		gen_byte(g, 0x66);
	gen_byte(g, 0x50);
}

/* Code of another size may follow: what means the same in all. */
static bool end_elsewhere(struct gen *g)
{
	static const u32 ops[] = {0xc0200f, 0xe0010f, 0x90a20f, 0xc1010f, 0x90080f, 0x90060f};

	gen_bytes(g, ops[gen_below(g, ARRAY_SIZE(ops))], 3);
	return g->last = true;
}

#define PUSH_SIZE(g) ((g)->mode->bits == 16 ? 8u : 6u)

/* To what follows, at the same level or at CPL 3, or with a selector that will not do. */
static bool return_far(struct gen *g)
{
	bool iret = gen_once_in(g, 2), long_mode = g->mode->bits == 64;
	u16 cs = gen_once_in(g, 3) ? selector(g) : g->mode->cs;
	u16 ss = gen_once_in(g, 3) ? selector(g) : g->mode->ss;
	u64 base = gen_once_in(g, 4) && long_mode ? box_address(g->c->run.mode, ARENA_CODE) : 0;

	if (!has_segments(g))
		return false;
	if (long_mode && iret) {
		push(g, ss);
		push(g, gen_pointer(g) | 0xb000);
	}
	if (iret)
		push(g, some_flags(g));
	push(g, cs);
	push(g, gen_here(g) + PUSH_SIZE(g) + 2 - base);
	gen_byte(g, long_mode ? 0x48 : g->mode->bits == 16 ? 0x66 : 0x90);
	gen_byte(g, iret ? 0xcf : 0xcb);
	return cs == g->mode->cs && !base ? true : end_elsewhere(g);
}

/* Direct: outside 64-bit mode. The call gate leads to CPL 0. */
static bool call_far(struct gen *g)
{
	u16 cs = gen_once_in(g, 2) ? selector(g) : g->mode->cs;
	u32 size = g->mode->bits / 8;

	if (!has_segments(g) || g->mode->bits == 64)
		return false;
	gen_byte(g, gen_once_in(g, 2) ? 0x9a : 0xea);
	gen_bytes(g, gen_here(g) + size + 2, size);
	gen_bytes(g, cs, 2);
	return cs == g->mode->cs ? true : end_elsewhere(g);
}

static bool system_call(struct gen *g)
{
	static const u32 ops[] = {0x050f, 0x070f, 0x340f, 0x350f};

	if (g->mode->bits == 64 && gen_once_in(g, 4)) {
		gen_bytes(g, 0xf8010f, 3); /* SWAPGS */
		return true;
	}
	if (g->mode->paging != PAGING_LONG)
		return false;
	gen_load(g, RCX, gen_here(g) + 12);
	if (g->mode->bits == 64 && gen_once_in(g, 2))
		gen_byte(g, 0x48);
	gen_bytes(g, ops[gen_below(g, ARRAY_SIZE(ops))], 2);
	return end_elsewhere(g);
}

/* LTR is given none that is a free TSS. */
static bool descriptors(struct gen *g)
{
	u32 n = gen_below(g, 8);

	if (n < 4) {
		gen_byte(g, 0x0f);
		gen_byte(g, (u8)(n & 1 ? 0x02 : 0x03)); /* LAR LSL */
		gen_operand(g, gen_below(g, 8));
	} else if (n == 4) {
		gen_bytes(g, 0x010f, 2);
		gen_memory(g, gen_below(g, 2)); /* SGDT SIDT */
	} else if (n == 5) {
		gen_bytes(g, 0x000f, 2);
		gen_operand(g, (u32[]){0, 1, 4, 5}[gen_below(g, 4)]); /* SLDT STR VERR VERW */
	} else {
		u16 s = selector(g);

		if (g->mode->paging == PAGING_NONE || (n == 7 && s < 4 && quirk_here(TCG_LTR_NULL)))
			return false;
		gen_load(g, RAX, s);
		gen_bytes(g, 0x000f, 2);
		gen_byte(g, n == 6 ? 0xd0 : 0xd8); /* LLDT LTR */
	}
	return true;
}

static bool stack(struct gen *g)
{
	static const u8 ops[] = {0x50, 0x53, 0x58, 0x5b, 0x5c, 0x54, 0x60,
				 0x61, 0xc9, 0x9c, 0x06, 0x1e, 0x0e};

	gen_byte(g, ops[gen_below(g, ARRAY_SIZE(ops))]);
	return true;
}

bool gen_flow(struct gen *g)
{
	static bool (*const kinds[])(struct gen *) = {
		load_segment, load_segment, stack_segment, flags,	flags, interrupt,
		return_far,   call_far,	    system_call,   descriptors, stack,
	};

	return kinds[gen_below(g, ARRAY_SIZE(kinds))](g);
}

/* Opcode, how many bytes of it, /digit or -1 for a register, immediate bytes */
static const struct plain {
	u32 code;
	u8 size, imm;
	s8 digit;
} plain[] = {
	/* the last BIT_TESTS are BT, BTS, BTS */
	{0x8a, 1, 0, -1},     {0x8b, 1, 0, -1},	    {0x88, 1, 0, -1},	{0x89, 1, 0, -1},
	{0x86, 1, 0, -1},     {0x87, 1, 0, -1},	    {0x00, 1, 0, -1},	{0x01, 1, 0, -1},
	{0x09, 1, 0, -1},     {0x21, 1, 0, -1},	    {0x31, 1, 0, -1},	{0x39, 1, 0, -1},
	{0x0b, 1, 0, -1},     {0x13, 1, 0, -1},	    {0x1b, 1, 0, -1},	{0x85, 1, 0, -1},
	{0x83, 1, 1, 0},      {0x83, 1, 1, 1},	    {0x83, 1, 1, 4},	{0x83, 1, 1, 6},
	{0x80, 1, 1, 1},      {0xc6, 1, 1, 0},	    {0xf6, 1, 0, 2},	{0xf7, 1, 0, 3},
	{0xf7, 1, 0, 4},      {0xf7, 1, 0, 6},	    {0xfe, 1, 0, 0},	{0xff, 1, 0, 1},
	{0xff, 1, 0, 6},      {0xd1, 1, 0, 4},	    {0x8f, 1, 0, 0},	{0x69, 1, 4, -1},
	{0xb60f, 2, 0, -1},   {0xbf0f, 2, 0, -1},   {0xb00f, 2, 0, -1}, {0xb10f, 2, 0, -1},
	{0xc10f, 2, 0, -1},   {0xc30f, 2, 0, -1},   {0x180f, 2, 0, 1},	{0x1f0f, 2, 0, 0},
	{0xf0380f, 3, 0, -1}, {0xf1380f, 3, 0, -1}, {0x6f0f, 2, 0, -1}, {0x110f, 2, 0, -1},
	{0xd9, 1, 0, 0},      {0xdd, 1, 0, 6},	    {0xdb, 1, 0, 5},	{0x62, 1, 0, -1},
	{0x63, 1, 0, -1},     {0xa30f, 2, 0, -1},   {0xab0f, 2, 0, -1}, {0xba0f, 2, 1, 5},
};
#define BIT_TESTS 3

bool gen_plain(struct gen *g)
{
	static const u8 strings[] = {0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xad,
				     0xa6, 0xa7, 0xae, 0xaf, 0xd7};
	u32 kinds = ARRAY_SIZE(plain) - (quirk_here(TCG_BIT_TEST_FLAGS) ? BIT_TESTS : 0);
	const struct plain *p = &plain[gen_below(g, kinds)];

	if (gen_once_in(g, 4))
		gen_load(g, (u32[]){RSI, RDI, RBX, RAX}[gen_below(g, 4)], gen_pointer(g));
	if (gen_once_in(g, 6)) {
		if (gen_once_in(g, 2))
			gen_byte(g, gen_once_in(g, 2) ? 0xf3 : 0xf2);
		gen_byte(g, strings[gen_below(g, ARRAY_SIZE(strings))]);
		return true;
	}
	if (gen_once_in(g, 8))
		gen_byte(g, 0xf0);
	gen_prefixes(g);
	gen_bytes(g, p->code, p->size);
	gen_memory(g, p->digit < 0 ? gen_below(g, 8) : (u32)p->digit);
	/* in 16-bit code the immediate of 69h is shorter */
	gen_bytes(g, 0, g->mode->bits == 16 && p->imm == 4 ? 2 : p->imm);
	return true;
}
