/* SPDX-License-Identifier: MIT */
#include "lib/insn_class.h"

/* What follows an opcode. */
enum {
	o = 0,
	M = 1,	  /* ModRM */
	B = 2,	  /* 8-bit immediate */
	W = 4,	  /* 16-bit immediate */
	Z = 8,	  /* 16- or 32-bit immediate, by operand size */
	V = 16,	  /* the same, but 64-bit with a 64-bit operand */
	J = 32,	  /* offset of a near branch: as Z, in 64-bit mode always 32-bit */
	A = 64,	  /* far pointer: W and Z, not in 64-bit mode */
	O = 128,  /* offset of the size of an address */
	N = 256,  /* nothing, but not in 64-bit mode */
	X = 512,  /* undefined */
	R = 1024, /* ModRM whose mod field is taken as 3 */
	MB = M | B,
	MZ = M | Z,
	WB = W | B,
	BN = B | N,
	MN = M | N,
	MBN = M | B | N
};

/* Prefixes and escapes are dealt with before and do not count here. */
/* clang-format off */
static const u16 map_one[256] = {
	M, M, M, M, B, Z, N, N,  M, M, M, M, B, Z, N, X, /* 00 */
	M, M, M, M, B, Z, N, N,  M, M, M, M, B, Z, N, N,
	M, M, M, M, B, Z, X, N,  M, M, M, M, B, Z, X, N, /* 20 */
	M, M, M, M, B, Z, X, N,  M, M, M, M, B, Z, X, N,
	o, o, o, o, o, o, o, o,  o, o, o, o, o, o, o, o, /* 40 */
	o, o, o, o, o, o, o, o,  o, o, o, o, o, o, o, o,
	N, N, MN, M, X, X, X, X, Z, MZ, B, MB, o, o, o, o, /* 60 */
	B, B, B, B, B, B, B, B,  B, B, B, B, B, B, B, B,
	MB, MZ, MBN, MB, M, M, M, M,  M, M, M, M, M, M, M, M, /* 80 */
	o, o, o, o, o, o, o, o,  o, o, A, o, o, o, o, o,
	O, O, O, O, o, o, o, o,  B, Z, o, o, o, o, o, o, /* A0 */
	B, B, B, B, B, B, B, B,  V, V, V, V, V, V, V, V,
	MB, MB, W, o, MN, MN, MB, MZ,  WB, o, W, o, o, B, N, o, /* C0 */
	M, M, M, M, BN, BN, N, o,  M, M, M, M, M, M, M, M,
	B, B, B, B, B, B, B, B,  J, J, A, B, o, o, o, o, /* E0 */
	X, o, X, X, o, o, M, M,  o, o, o, o, o, o, M, M,
};

static const u16 map_0f[256] = {
	M, M, M, M, X, o, o, o,  o, o, X, o, X, M, o, MB, /* 00 */
	M, M, M, M, M, M, M, M,  M, M, M, M, M, M, M, M,
	R, R, R, R, X, X, X, X,  M, M, M, M, M, M, M, M, /* 20 */
	o, o, o, o, o, o, X, o,  X, X, X, X, X, X, X, X,
	M, M, M, M, M, M, M, M,  M, M, M, M, M, M, M, M, /* 40 */
	M, M, M, M, M, M, M, M,  M, M, M, M, M, M, M, M,
	M, M, M, M, M, M, M, M,  M, M, M, M, M, M, M, M, /* 60 */
	MB, MB, MB, MB, M, M, M, o,  M, M, X, X, M, M, M, M,
	J, J, J, J, J, J, J, J,  J, J, J, J, J, J, J, J, /* 80 */
	M, M, M, M, M, M, M, M,  M, M, M, M, M, M, M, M,
	o, o, o, M, MB, M, X, X,  o, o, o, M, MB, M, M, M, /* A0 */
	M, M, M, M, M, M, M, M,  M, M, MB, M, M, M, M, M,
	M, M, MB, M, MB, MB, MB, M,  o, o, o, o, o, o, o, o, /* C0 */
	M, M, M, M, M, M, M, M,  M, M, M, M, M, M, M, M,
	M, M, M, M, M, M, M, M,  M, M, M, M, M, M, M, M, /* E0 */
	M, M, M, M, M, M, M, M,  M, M, M, M, M, M, M, M,
};
/* clang-format on */

/* Results of the steps below; a positive one never occurs. */
enum { STEP_OK = 1, STEP_UNDEFINED = 0, STEP_TRUNCATED = -1 };

struct decoder {
	const u8 *p;
	size_t n, pos;
	bool overrun; /* bytes past n were wanted: they read as 0 */
	enum insn_mode mode;
	u8 rex;
	bool opsize, addrsize; /* prefixes 66h, 67h */
	bool vector;	       /* VEX or EVEX: only the length is of interest */
	u8 seg;		       /* override, or INSN_NO_REG */
	u8 map;
	struct insn *out;
};

#define REX_W 8u
#define REX_R 4u
#define REX_X 2u
#define REX_B 1u

static u8 next(struct decoder *d)
{
	if (d->pos >= d->n) {
		d->overrun = true;
		return 0;
	}
	return d->p[d->pos++];
}

/* A signed little-endian number of 0 to 8 bytes. */
static s64 take(struct decoder *d, u32 bytes)
{
	u64 v = 0;

	for (u32 i = 0; i < bytes; i++)
		v |= (u64)next(d) << (8 * i);
	if (bytes && bytes < 8 && (v >> (8 * bytes - 1)))
		v |= ~0ULL << (8 * bytes);
	return (s64)v;
}

/* True when b is a legacy prefix, which is noted. */
static bool legacy_prefix(struct decoder *d, u8 b)
{
	struct insn *i = d->out;

	switch (b) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
		/* 64-bit mode ignores these four */
		if (d->mode != INSN_64)
			d->seg = (b >> 3) & 3;
		return true;
	case 0x64:
	case 0x65: d->seg = b & 7; return true;
	case 0x66: d->opsize = true; return true;
	case 0x67: d->addrsize = true; return true;
	case 0xf0: i->lock = true; return true;
	case 0xf2:
	case 0xf3:
		i->repne = b == 0xf2;
		i->rep = b == 0xf3;
		return true;
	default: return false;
	}
}

/* Takes all prefixes and returns the first byte that is none. A REX counts only as the last of
 * them. */
static u8 prefixes(struct decoder *d)
{
	for (;;) {
		u8 b = next(d);

		if (d->mode == INSN_64 && (b & 0xf0) == 0x40)
			d->rex = b;
		else if (legacy_prefix(d, b))
			d->rex = 0;
		else
			return b;
		if (d->overrun)
			return 0;
	}
}

/* Outside 64-bit mode 62h, C4h and C5h are older instructions when what follows is no register
 * form. */
static bool vector_follows(const struct decoder *d, u8 b)
{
	if (b != 0x62 && b != 0xc4 && b != 0xc5)
		return false;
	return d->mode == INSN_64 || (d->pos < d->n && d->p[d->pos] >= 0xc0);
}

/* VEX or EVEX up to and with the opcode. */
static int vector_opcode(struct decoder *d, u8 first)
{
	u8 b = next(d);
	u8 map = first == 0xc5 ? 1 : b & 0x1f;

	if (d->rex || d->opsize || d->out->lock || d->out->rep || d->out->repne)
		return STEP_UNDEFINED;
	d->vector = true;
	if (first == 0x62) {
		map = b & 7;
		if ((b & 8) || !(next(d) & 4))
			return d->overrun ? STEP_TRUNCATED : STEP_UNDEFINED;
	}
	if (first != 0xc5)
		next(d);
	d->out->opcode = next(d);
	/* EVEX maps 5 and 6 are built like 2: ModRM and nothing else */
	if (first == 0x62 && (map == 5 || map == 6))
		map = INSN_MAP_0F38;
	d->map = map;
	return map >= INSN_MAP_0F && map <= INSN_MAP_0F3A ? STEP_OK : STEP_UNDEFINED;
}

static int opcode(struct decoder *d)
{
	u8 b = prefixes(d);

	if (vector_follows(d, b))
		return vector_opcode(d, b);
	if (b == 0x0f) {
		d->map = INSN_MAP_0F;
		b = next(d);
		if (b == 0x38 || b == 0x3a) {
			d->map = b == 0x38 ? INSN_MAP_0F38 : INSN_MAP_0F3A;
			b = next(d);
		}
	}
	d->out->opcode = b;
	return STEP_OK;
}

/* What follows the opcode, whatever ModRM says. */
static u32 layout(const struct decoder *d)
{
	u32 what;

	if (d->map == INSN_MAP_0F38)
		return M;
	if (d->map == INSN_MAP_0F3A)
		return MB;
	what = d->map == INSN_MAP_0F ? map_0f[d->out->opcode] : map_one[d->out->opcode];
	if (!d->vector)
		return what;
	/* Shifts and shuffles keep their immediate, VZEROUPPER has no operand, all others have
	 * ModRM. */
	return what == MB || d->out->opcode == 0x77 ? what : M;
}

/* What depends on more than the opcode. */
static u32 more_layout(const struct decoder *d)
{
	const struct insn *i = d->out;

	if (d->vector)
		return o;
	/* Group 3: only TEST has an immediate. */
	if (d->map == INSN_MAP_ONE && (i->opcode | 1) == 0xf7 && !(i->modrm & 0x30))
		return i->opcode & 1 ? Z : B;
	/* AMD's EXTRQ and INSERTQ, of registers, have two where Intel's VMREAD has none. */
	if (d->map == INSN_MAP_0F && i->opcode == 0x78 && !i->has_mem && (d->opsize || i->repne))
		return W;
	return o;
}

static struct insn_reg general(const struct decoder *d, u8 number, u8 rex_bit, u32 size)
{
	if (size == 1 && !d->rex && number >= 4)
		return (struct insn_reg){number - 4, true};
	return (struct insn_reg){number | (d->rex & rex_bit ? 8 : 0), false};
}

static void modrm_16(struct decoder *d, struct insn_mem *m)
{
	static const u8 bases[8] = {3, 3, 5, 5, 6, 7, 5, 3};
	static const u8 indexes[4] = {6, 7, 6, 7};
	u8 mod = d->out->modrm >> 6, rm = d->out->modrm & 7;

	m->base = bases[rm];
	if (rm < 4)
		m->index = indexes[rm];
	if (mod == 0 && rm == 6) {
		m->base = INSN_NO_REG;
		mod = 2;
	}
	m->disp = take(d, mod); /* 0, 1 or 2 bytes */
}

static void modrm_32(struct decoder *d, struct insn_mem *m)
{
	u8 mod = d->out->modrm >> 6, low = d->out->modrm & 7;

	m->base = low | (d->rex & REX_B ? 8 : 0);
	if (low == 4) {
		u8 sib = next(d);
		u8 index = ((sib >> 3) & 7) | (d->rex & REX_X ? 8 : 0);

		low = sib & 7;
		m->base = low | (d->rex & REX_B ? 8 : 0);
		m->index = index == 4 ? INSN_NO_REG : index;
		m->scale = (u8)(1 << (sib >> 6));
		if (mod == 0 && low == 5) {
			m->base = INSN_NO_REG;
			mod = 2;
		}
	} else if (mod == 0 && low == 5) {
		m->base = d->mode == INSN_64 ? INSN_RIP : INSN_NO_REG;
		mod = 2;
	}
	m->disp = take(d, mod == 2 ? 4 : mod);
}

static void modrm(struct decoder *d)
{
	struct insn *i = d->out;

	d->out->modrm = next(d);
	if (d->out->modrm >= 0xc0)
		return;
	i->has_mem = true;
	if (i->addr_size == 2)
		modrm_16(d, &i->mem);
	else
		modrm_32(d, &i->mem);
	i->mem.seg = d->seg;
	if (d->seg == INSN_NO_REG)
		i->mem.seg = i->mem.base == 4 || i->mem.base == 5 ? INSN_SS : INSN_DS;
}

static u32 operand_size(const struct decoder *d)
{
	if (d->rex & REX_W)
		return 8;
	return d->opsize == (d->mode == INSN_16) ? 4 : 2;
}

static u32 address_size(const struct decoder *d)
{
	if (d->mode == INSN_64)
		return d->addrsize ? 4 : 8;
	return d->addrsize == (d->mode == INSN_16) ? 4 : 2;
}

/* The operands behind ModRM; all but ENTER and far pointers have one at most. */
static void immediates(struct decoder *d, u32 what, u32 opsize)
{
	struct insn *i = d->out;
	u32 z = opsize == 2 ? 2 : 4;

	if (what & (Z | A))
		i->imm = take(d, z);
	if (what & J)
		i->imm = take(d, d->mode == INSN_64 ? 4 : z);
	if (what & V)
		i->imm = take(d, opsize);
	if (what & (W | A))
		take(d, 2);
	if (what & B)
		i->imm = take(d, 1);
	if (what & O) {
		i->has_mem = true;
		i->mem.disp = take(d, i->addr_size);
		i->mem.seg = d->seg != INSN_NO_REG ? d->seg : INSN_DS;
	}
}

/* Fills in the registers that ModRM names, once the sizes are known. */
static void registers(struct decoder *d, u32 what)
{
	struct insn *i = d->out;
	bool cr = i->op == INSN_MOV_FROM_CR || i->op == INSN_MOV_TO_CR;

	if (!(what & (M | R)))
		return;
	/* A control register has no high half: let its number through as it is. */
	i->reg = general(d, (d->out->modrm >> 3) & 7, REX_R, cr ? 8 : i->size);
	if (!i->has_mem)
		i->rm = general(d, d->out->modrm & 7, REX_B, i->src_size);
}

int insn_decode(const u8 *bytes, size_t n, enum insn_mode mode, struct insn *out)
{
	struct decoder d = {.p = bytes, .n = n, .mode = mode, .seg = INSN_NO_REG, .out = out};
	u32 what, opsize;
	int step;

	if (n > INSN_MAX_BYTES)
		d.n = INSN_MAX_BYTES;
	*out = (struct insn){.mem = {.base = INSN_NO_REG, .index = INSN_NO_REG, .scale = 1}};
	step = opcode(&d);
	if (d.overrun)
		return n < INSN_MAX_BYTES ? -1 : 0;
	what = layout(&d);
	if (step != STEP_OK || (what & X) || ((what & (N | A)) && mode == INSN_64))
		return 0;
	opsize = operand_size(&d);
	out->addr_size = (u8)address_size(&d);
	if (what & M)
		modrm(&d);
	if (what & R)
		out->modrm = next(&d) | 0xc0;
	if (!d.vector && d.map == INSN_MAP_ONE && out->opcode == 0x8f && (out->modrm & 0x38))
		return d.overrun && n < INSN_MAX_BYTES ? -1 : 0; /* XOP */
	what |= more_layout(&d);
	immediates(&d, what, opsize);
	if (d.overrun)
		return n < INSN_MAX_BYTES ? -1 : 0;
	if (!d.vector)
		insn_classify(out, d.map, mode, opsize, d.seg);
	registers(&d, what);
	out->length = (u8)d.pos;
	return out->length;
}
