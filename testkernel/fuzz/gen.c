/* SPDX-License-Identifier: MIT */
#include "testkernel/fuzz/gen.h"
#include "testkernel/cpu.h"
#include "testkernel/features.h"
#include "testkernel/lamina.h"
#include "testkernel/quirks.h"
#include "lib/string.h"
#include "x86/cr.h"

#define MARGIN	 48 /* bytes that one part needs at most */
#define NOPS	 0x9090909090909090
#define LONGER	 8 /* bytes that a prefix may add: SIB, displacement, an immediate */
#define PARTS	 6 /* in a case, at most */
#define CODE_END 0x1f00

u32 gen_random(struct gen *g)
{
	u64 z = g->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (u32)(z >> 32);
}

u32 gen_below(struct gen *g, u32 n)
{
	return (u32)((u64)gen_random(g) * n >> 32);
}

static u64 random64(struct gen *g)
{
	return (u64)gen_random(g) << 32 | gen_random(g);
}

u64 gen_pointer(struct gen *g)
{
	static const u16 places[] = {
		ARENA_DATA,	     ARENA_DATA + 0x20,	  ARENA_DATA + 0x100, ARENA_DATA + 0xff0,
		ARENA_DATA + 0x1000, ARENA_DATA + 0x1ff0, ARENA_RO,	      ARENA_RO + 0xff0,
		ARENA_STACK - 16,    ARENA_STACK + 0x800, ARENA_CODE,	      ARENA_CODE + 0xff0,
	};
	u32 at = places[gen_below(g, ARRAY_SIZE(places))] + gen_below(g, 32);

	if (g->stream == FUZZ_HOSTILE && g->mode->bits == 64 && gen_once_in(g, 3))
		return ARENA_HIDDEN + gen_below(g, WINDOW_PAGES) * PAGE_SIZE +
		       (gen_once_in(g, 2) ? 0xff0 : 0) + gen_below(g, 32);
	return box_address(g->c->run.mode, at);
}

u64 gen_value(struct gen *g)
{
	static const u64 borders[] = {
		0,
		1,
		2,
		0x7f,
		0x80,
		0xff,
		0x7fff,
		0x8000,
		0xffff,
		0x10000,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		0x100000000,
		0x7fffffffffff,
		0x800000000000,
		0xffff7fffffffffff,
		0xffff800000000000,
		0x7fffffffffffffff,
		~0ULL,
	};

	switch (gen_below(g, 8)) {
	case 0: return borders[gen_below(g, ARRAY_SIZE(borders))];
	case 1: return gen_below(g, 256);
	case 2: return gen_random(g);
	case 3: return random64(g);
	case 4: return gen_below(g, BOX_GDT / 2) << 3 | gen_below(g, 8);
	default: return gen_pointer(g);
	}
}

void gen_byte(struct gen *g, u8 byte)
{
	if (g->n < FUZZ_CODE)
		g->c->code[g->n++] = byte;
}

void gen_bytes(struct gen *g, u64 value, u32 size)
{
	for (u32 i = 0; i < size; i++)
		gen_byte(g, (u8)(value >> 8 * i));
}

void gen_load(struct gen *g, u32 reg, u64 value)
{
	bool wide = g->mode->bits == 64 && value >> 32;

	if (g->mode->bits == 16)
		gen_byte(g, 0x66);
	if (wide)
		gen_byte(g, 0x48);
	gen_byte(g, (u8)(0xb8 | reg));
	gen_bytes(g, value, wide ? 8 : 4);
}

/* An address-size prefix makes bytes of it code: they do no harm. */
static u32 displacement(struct gen *g)
{
	return gen_random(g) & (gen_once_in(g, 8) ? 0x37373737 : 0x37);
}

/* Likewise, but of itself it could be HLT, CLI, or of any port. */
static u8 sib(struct gen *g)
{
	u8 v = (u8)gen_random(g);

	if (gen_once_in(g, 2))
		v = (u8)((v & 0xc7) | 0x20); /* no index */
	if ((v & 0xf4) == 0xe4 || (v & 0xfc) == 0x6c || v == 0xf4 || v == 0xfa)
		v ^= 0x40;
	return v;
}

static void operand(struct gen *g, u32 reg, u32 mod)
{
	u32 rm = gen_below(g, 8);

	gen_byte(g, (u8)(mod << 6 | (reg & 7) << 3 | rm));
	if (mod == 3)
		return;
	if (g->mode->bits == 16) {
		gen_bytes(g, displacement(g), mod == 0 ? (rm == 6 ? 2 : 0) : mod);
		return;
	}
	if (rm == 4) {
		u8 byte = sib(g);

		gen_byte(g, byte);
		rm = byte & 7;
	}
	gen_bytes(g, displacement(g), mod == 0 ? (rm == 5 ? 4 : 0) : mod == 1 ? 1 : 4);
}

void gen_operand(struct gen *g, u32 reg)
{
	operand(g, reg, gen_below(g, 4));
}

void gen_memory(struct gen *g, u32 reg)
{
	operand(g, reg, gen_below(g, 3));
}

u64 gen_here(struct gen *g)
{
	u32 at = g->c->run.at + g->n;

	if (g->mode->bits == 64)
		return box_address(g->c->run.mode, ARENA_CODE + at);
	return g->c->run.mode == BOX_REAL_MODE ? ARENA_CODE + at : at;
}

/* In real mode they stay away: QEMU checks no limit there. */
void gen_prefixes(struct gen *g)
{
	static const u8 list[] = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x3e, 0x26, 0x64, 0x65, 0x36};

	if (g->c->run.mode == BOX_REAL_MODE)
		return;
	while (gen_once_in(g, 8)) {
		u8 byte = list[gen_below(g, ARRAY_SIZE(list))];

		gen_byte(g, byte);
		g->longer |= (byte & 0xfe) == 0x66 || byte == 0xf2; /* VMREAD to INSERTQ */
	}
	if (g->mode->bits == 64 && gen_once_in(g, 8))
		gen_byte(g, 0x40 | (gen_random(g) & 15));
}

static void part(struct gen *g)
{
	static bool (*const kinds[])(struct gen *) = {
		gen_control, gen_control, gen_control, gen_flow, gen_flow,
		gen_plain,   gen_plain,	  gen_virt,    gen_raw,	 gen_raw,
	};
	u32 n = g->n;
	bool done;

	g->longer = false;
	if (g->stream == FUZZ_HOSTILE && gen_once_in(g, 2))
		done = gen_hostile(g);
	else
		done = kinds[gen_below(g, ARRAY_SIZE(kinds))](g);
	if (!done)
		g->n = n;
	else if (g->longer)
		gen_bytes(g, NOPS, LONGER);
}

static void registers(struct gen *g)
{
	struct box_state *s = &g->c->run.s;
	const u64 base = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_MP;
	const u64 flips0 = CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM | CR0_CD;
	const u64 flips4 = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_MCE | CR4_PGE | CR4_PCE |
			   CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP | CR4_FSGSBASE | CR4_OSXSAVE |
			   CR4_SMEP | CR4_SMAP;
	/* DF, AC, ID */
	const u64 flips = RFLAGS_NT | 0x240400 | (quirk_here(TCG_NO_RF) ? 0 : RFLAGS_RF);
	u64 cr4 = g->mode->paging == PAGING_LONG || g->mode->paging == PAGING_PAE ? CR4_PAE : 0;

	for (u32 i = 0; i < 16; i++)
		s->gpr[i] = gen_value(g);
	if ((u32)s->gpr[RAX] == 1) /* a jump into CPUID: Lamina hides what it has */
		s->gpr[RAX] = 2;
	s->gpr[RSP] = ARENA_STACK + 0x800 + gen_below(g, 32) * 8;
	s->ds = s->es = s->fs = s->gs = g->mode->data;
	if (g->stream == FUZZ_HOSTILE)
		s->es = s->fs = BS_WINDOW;
	s->cr0 = base | (g->mode->paging == PAGING_NONE ? 0 : CR0_PG);
	if (gen_once_in(g, 4)) /* code that changes itself may write what QEMU does not judge */
		s->cr0 ^= gen_random(g) & flips0 & ~(g->tcg ? CR0_WP : 0);
	if (g->c->run.mode == BOX_V86 && quirk_here(BOCHS_ENTRY_AC))
		s->cr0 &= ~(u64)CR0_AM;
	if (gen_once_in(g, 4))
		cr4 |= gen_random(g) & flips4 & cr4_allowed();
	s->cr4 = cr4;
	s->rflags = RFLAGS_FIXED | RFLAGS_IF | (gen_random(g) & 0x8d5);
	if (gen_once_in(g, 8))
		s->rflags ^= gen_random(g) & flips;
	if (gen_once_in(g, 16))
		s->rflags |= RFLAGS_TF;
	s->dr7 = 0x400;
	for (u32 i = 0; i < 4; i++)
		g->c->run.dr[i] = 0;
	if (!gen_once_in(g, 16) || quirk_here(TCG_WATCH_HANGS))
		return;
	s->dr7 |= (gen_random(g) & 0xffff0000) | gen_below(g, 256);
	for (u32 i = 0; i < 4; i++)
		g->c->run.dr[i] = gen_pointer(g);
}

static bool fits(const struct gen *g, enum box_mode mode)
{
	bool unlimited = mode == BOX_FLAT32_K || mode == BOX_FLAT16_U;

	return box_has(mode) && !(unlimited && g->tcg);
}

void fuzz_make(struct fuzz_case *c, enum fuzz_stream stream, u64 seed, u64 number)
{
	struct gen g = {.state = seed * 0xd6e8feb86659fd93 + number, .c = c, .stream = stream};
	enum box_mode mode;

	g.state += (u64)(this_cpu()->index + 1) << 56;
	for (u32 i = 0; i < 4; i++)
		gen_random(&g);
	g.amd = lamina_amd();
	g.tcg = quirk_here(TCG_NO_LIMIT_CHECK);
	do
		mode = gen_below(&g, BOX_MODES);
	while (!fits(&g, mode));
	g.mode = &box_modes[mode];
	c->run.mode = mode;
	c->run.code = c->code;
	c->run.at = gen_once_in(&g, 4) ? 0xfe0 + gen_below(&g, 32) : gen_below(&g, CODE_END);
	c->msrs = 0;
	c->ports = 0;
	c->lapic = false;
	registers(&g);
	for (u32 parts = 1 + gen_below(&g, PARTS); parts && !g.last && g.n < FUZZ_CODE - MARGIN;
	     parts--) {
		part(&g);
	}
	c->run.size = g.n;
}
