/* SPDX-License-Identifier: MIT */
/*
 * The decoder against capstone: the lengths of random and of built instructions, and the operands
 * of those that the decoder knows. Where the two differ by right, the difference is named and
 * counted.
 */
#include "unit.h"
#include <capstone/capstone.h>
#include "lib/insn.h"

#define LENGTH_ROUNDS  1500000
#define OPERAND_ROUNDS 1500000

static csh handles[3];
static cs_insn *theirs;

/* What stands before the opcode, found without the decoder under test. */
struct lead {
	bool opsize, addrsize, rep, lock, rex;
	u8 rex_byte;
	u32 opcode_at;
};

static struct lead lead_of(const u8 *b, enum insn_mode mode)
{
	struct lead l = {0};

	for (;; l.opcode_at++) {
		u8 c = b[l.opcode_at];

		if (l.opcode_at == INSN_MAX_BYTES)
			return l;
		l.opsize |= c == 0x66;
		l.addrsize |= c == 0x67;
		l.rep |= c == 0xf2 || c == 0xf3;
		l.lock |= c == 0xf0;
		if (mode == INSN_64 && (c & 0xf0) == 0x40) {
			l.rex = true;
			l.rex_byte = c;
		} else if (!memchr("\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3", c, 11)) {
			return l;
		}
	}
}

/* The cases in which capstone 4 is wrong or takes AMD's side: what a length of ours is then, and
 * why. */
static const char *known_difference(const u8 *b, enum insn_mode mode, int ours)
{
	struct lead l = lead_of(b, mode);
	const u8 *op = b + l.opcode_at;
	bool by_2 = ours && abs(ours - theirs->size) == 2;
	bool near_branch = *op == 0xe8 || *op == 0xe9 || (*op == 0x0f && (op[1] & 0xf0) == 0x80);

	if (*op == 0x0f && (op[1] == 0xb9 || op[1] == 0xff) && ours > theirs->size)
		return "UD0 and UD1 have a ModRM byte (Intel SDM vol. 2B)";
	if (*op == 0x0f && op[1] == 0x78 && (l.opsize || l.rep) && by_2)
		return "66h and F2h make VMREAD an EXTRQ or INSERTQ with two immediates";
	if (mode == INSN_64 && (*op == 0xe8 || (*op == 0x0f && op[1] == 0x78)) && l.addrsize &&
	    l.rex && by_2)
		return "67h does not act as 66h with a REX.W";
	if (*op == 0x0f && (op[1] == 0xa6 || op[1] == 0xa7) && !ours)
		return "VIA's instructions are undefined elsewhere";
	if (*op == 0x8f && !ours)
		return "XOP is not supported";
	if (mode == INSN_64 && near_branch && l.opsize && by_2)
		return "66h does not shorten a near branch on Intel";
	if ((*op == 0xc2 || *op == 0xca) && l.rex && by_2)
		return "RET's immediate is 16-bit with a REX.W too";
	if ((*op == 0x68 || *op == 0xe8) && l.opsize && l.rep && by_2)
		return "66h acts on PUSH and CALL with a REP prefix too";
	if (*op == 0x62 && strstr(theirs->op_str, "-sae}") && ours == theirs->size - 1)
		return "the rounding mode that EVEX gives registers is no immediate";
	if ((*op == 0xc4 || *op == 0xc5 || *op == 0x62) && !ours &&
	    (l.opsize || l.rep || l.lock || l.rex))
		return "66h, F2h, F3h, LOCK and REX before VEX or EVEX are undefined";
	return NULL;
}

/* Whether capstone is known to have the operands wrong. */
static bool known_operands(const u8 *b, enum insn_mode mode)
{
	struct lead l = lead_of(b, mode);
	bool flat = false, based = false;

	for (u32 i = 0; i < l.opcode_at; i++) {
		flat |= (b[i] & 0xe7) == 0x26;
		based |= (b[i] & 0xfe) == 0x64;
	}
	/* It lets REP cancel 66h, though that holds only where the two select an instruction; */
	return (l.opsize && l.rep) ||
	       /* takes an override that 64-bit mode ignores for the end of one that it does not; */
	       (mode == INSN_64 && flat && based) ||
	       /* and gives MOVSXD a 64-bit destination without REX.W. */
	       (mode == INSN_64 && b[l.opcode_at] == 0x63 && !(l.rex_byte & 8));
}

static bool disassemble(const u8 *bytes, enum insn_mode mode)
{
	size_t n = INSN_MAX_BYTES;
	u64 pc = 0;

	return cs_disasm_iter(handles[mode], &bytes, &n, &pc, theirs);
}

static const struct {
	unsigned int id;
	enum insn_op op;
} ids[] = {
	{X86_INS_MOV, INSN_MOV},     {X86_INS_MOVABS, INSN_MOV},   {X86_INS_MOVZX, INSN_MOVZX},
	{X86_INS_MOVSX, INSN_MOVSX}, {X86_INS_MOVSXD, INSN_MOVSX}, {X86_INS_XCHG, INSN_XCHG},
	{X86_INS_STOSB, INSN_STOS},  {X86_INS_STOSW, INSN_STOS},   {X86_INS_STOSD, INSN_STOS},
	{X86_INS_STOSQ, INSN_STOS},  {X86_INS_LODSB, INSN_LODS},   {X86_INS_LODSW, INSN_LODS},
	{X86_INS_LODSD, INSN_LODS},  {X86_INS_LODSQ, INSN_LODS},   {X86_INS_MOVSB, INSN_MOVS},
	{X86_INS_MOVSW, INSN_MOVS},  {X86_INS_MOVSD, INSN_MOVS},   {X86_INS_MOVSQ, INSN_MOVS},
	{X86_INS_ADD, INSN_ADD},     {X86_INS_OR, INSN_OR},	   {X86_INS_AND, INSN_AND},
	{X86_INS_SUB, INSN_SUB},     {X86_INS_XOR, INSN_XOR},	   {X86_INS_CMP, INSN_CMP},
	{X86_INS_TEST, INSN_TEST},   {X86_INS_BT, INSN_BT},	   {X86_INS_BTS, INSN_BTS},
	{X86_INS_BTR, INSN_BTR},     {X86_INS_BTC, INSN_BTC},	   {X86_INS_LMSW, INSN_LMSW},
	{X86_INS_SMSW, INSN_SMSW},   {X86_INS_CLTS, INSN_CLTS},	   {X86_INS_CPUID, INSN_CPUID},
	{X86_INS_HLT, INSN_HLT},     {X86_INS_RDMSR, INSN_RDMSR},  {X86_INS_WRMSR, INSN_WRMSR},
	{X86_INS_IN, INSN_IN},	     {X86_INS_OUT, INSN_OUT},
};

static enum insn_op their_op(const cs_x86 *x)
{
	if (theirs->id == X86_INS_MOV && x->op_count == 2) {
		if (x->operands[0].type == X86_OP_REG && x->operands[0].reg >= X86_REG_CR0 &&
		    x->operands[0].reg <= X86_REG_CR15)
			return INSN_MOV_TO_CR;
		if (x->operands[1].type == X86_OP_REG && x->operands[1].reg >= X86_REG_CR0 &&
		    x->operands[1].reg <= X86_REG_CR15)
			return INSN_MOV_FROM_CR;
	}
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		if (ids[i].id == theirs->id)
			return ids[i].op;
	}
	return INSN_OTHER;
}

static void complain(const u8 *b, enum insn_mode mode, int ours, const char *what)
{
	printf("# %d-bit", 16 << mode);
	for (int i = 0; i < INSN_MAX_BYTES; i++)
		printf(" %02x", b[i]);
	printf(": capstone %d %s %s\n", theirs->size, theirs->mnemonic, theirs->op_str);
	fail_msg("%s; our length is %d", what, ours);
}

static void fill(u8 *b)
{
	for (int i = 0; i < INSN_MAX_BYTES; i++)
		b[i] = (u8)rnd();
}

/* Up to three prefixes, perhaps a REX; returns where the opcode goes. The rest is random. */
static u32 build(u8 *b, enum insn_mode mode)
{
	static const u8 prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
				      0x66, 0x67, 0xf0, 0xf2, 0xf3};
	u32 i = 0;

	fill(b);
	for (u64 n = rnd_below(4); n; n--)
		b[i++] = prefixes[rnd_below(sizeof(prefixes))];
	if (mode == INSN_64 && rnd_below(2))
		b[i++] = 0x40 | (u8)rnd_below(16);
	return i;
}

/* VEX or EVEX, of a map that exists, and with the bits that older instructions would not have. */
static void build_vector(u8 *b)
{
	static const u8 firsts[] = {0x62, 0xc4, 0xc5};

	fill(b);
	b[0] = firsts[rnd_below(3)];
	b[1] |= 0xc0;
	if (b[0] == 0xc4)
		b[1] = (b[1] & 0xe0) | (1 + (u8)rnd_below(3));
	if (b[0] == 0x62) {
		b[1] = (b[1] & 0xf0) | (1 + (u8)rnd_below(3));
		b[2] |= 4;
	}
}

static void build_any(u8 *b, enum insn_mode mode)
{
	u32 i = build(b, mode);

	if (!rnd_below(4)) {
		build_vector(b);
	} else if (rnd_below(2)) {
		b[i++] = 0x0f;
		if (!rnd_below(4))
			b[i] = rnd_below(2) ? 0x38 : 0x3a;
	}
}

static void test_lengths(void **state)
{
	u8 b[INSN_MAX_BYTES + 1] = {0};
	u32 agreed = 0, explained = 0;

	(void)state;
	for (u32 i = 0; i < LENGTH_ROUNDS; i++) {
		enum insn_mode mode = (enum insn_mode)rnd_below(3);
		struct insn insn;
		int n;

		if (rnd_below(2))
			fill(b);
		else
			build_any(b, mode);
		if (!disassemble(b, mode))
			continue;
		n = insn_decode(b, INSN_MAX_BYTES, mode, &insn);
		if (n == theirs->size)
			agreed++;
		else if (known_difference(b, mode, n))
			explained++;
		else
			complain(b, mode, n, "the lengths differ");
		if (n > 0 && insn.op != INSN_OTHER && insn.op != their_op(&theirs->detail->x86))
			complain(b, mode, n, "the instructions differ");
	}
	printf("# %u lengths agree, %u differ by right\n", agreed, explained);
	assert_true(agreed > LENGTH_ROUNDS / 2);
}

/* The instructions the decoder knows, by opcode; 0Fxx stands for 0F xx. */
static const u16 known[] = {
	0x00,	0x01,	0x02,	0x03,	0x08,	0x09,	0x0a,	0x0b,	0x20,	0x21,	0x22,
	0x23,	0x28,	0x29,	0x2a,	0x2b,	0x30,	0x31,	0x32,	0x33,	0x38,	0x39,
	0x3a,	0x3b,	0x63,	0x80,	0x81,	0x82,	0x83,	0x84,	0x85,	0x86,	0x87,
	0x88,	0x89,	0x8a,	0x8b,	0xa0,	0xa1,	0xa2,	0xa3,	0xa4,	0xa5,	0xaa,
	0xab,	0xac,	0xad,	0xc6,	0xc7,	0xe4,	0xe5,	0xe6,	0xe7,	0xec,	0xed,
	0xee,	0xef,	0xf4,	0xf6,	0xf7,	0x0f01, 0x0f06, 0x0f20, 0x0f22, 0x0f30, 0x0f32,
	0x0fa2, 0x0fa3, 0x0fab, 0x0fb3, 0x0fb6, 0x0fb7, 0x0fba, 0x0fbb, 0x0fbe, 0x0fbf};

/* A register by capstone's name for it. */
static const char *reg_name(u32 number, bool high, u32 size)
{
	static const char *const names[4][16] = {
		{"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b",
		 "r12b", "r13b", "r14b", "r15b"},
		{"ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w",
		 "r12w", "r13w", "r14w", "r15w"},
		{"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d",
		 "r11d", "r12d", "r13d", "r14d", "r15d"},
		{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11",
		 "r12", "r13", "r14", "r15"}};
	static const char *const high_names[4] = {"ah", "ch", "dh", "bh"};

	if (number == INSN_RIP)
		return size == 4 ? "eip" : "rip";
	return high ? high_names[number] : names[__builtin_ctz(size)][number];
}

static bool same_reg(x86_reg theirs_reg, u32 number, bool high, u32 size)
{
	const char *name = cs_reg_name(handles[INSN_64], theirs_reg);

	if (number == INSN_NO_REG)
		return theirs_reg == X86_REG_INVALID || !strcmp(name, "riz") ||
		       !strcmp(name, "eiz");
	return name && !strcmp(name, reg_name(number, high, size));
}

static u64 cut(u64 v, u32 bytes)
{
	return bytes < 8 ? v & (BIT(8 * bytes) - 1) : v;
}

static const char *compare_mem(const struct insn *i, const x86_op_mem *m)
{
	static const x86_reg segs[] = {X86_REG_ES, X86_REG_CS, X86_REG_SS,
				       X86_REG_DS, X86_REG_FS, X86_REG_GS};

	/* capstone names a segment only when a prefix does, those that 64-bit mode ignores too */
	if ((m->segment == X86_REG_FS || m->segment == X86_REG_GS) != (i->mem.seg >= INSN_FS) ||
	    (i->mem.seg >= INSN_FS && m->segment != segs[i->mem.seg]))
		return "the segments differ";
	if (!same_reg(m->base, i->mem.base, false, i->addr_size))
		return "the base registers differ";
	if (!same_reg(m->index, i->mem.index, false, i->addr_size))
		return "the index registers differ";
	if (i->mem.index != INSN_NO_REG && m->scale != i->mem.scale)
		return "the scales differ";
	if (cut((u64)m->disp, i->addr_size) != cut((u64)i->mem.disp, i->addr_size))
		return "the displacements differ";
	return NULL;
}

static const char *compare_rm(const struct insn *i, const cs_x86_op *op)
{
	if ((op->type == X86_OP_MEM) != i->has_mem)
		return "one has a memory operand";
	if (op->size != i->src_size)
		return "the r/m sizes differ";
	if (i->has_mem)
		return compare_mem(i, &op->mem);
	return same_reg(op->reg, i->rm.number, i->rm.high, i->src_size)
		       ? NULL
		       : "the r/m registers differ";
}

static const char *compare_reg(const struct insn *i, const cs_x86_op *op)
{
	bool cr = i->op == INSN_MOV_TO_CR || i->op == INSN_MOV_FROM_CR;

	if (op->type != X86_OP_REG)
		return "capstone has no register operand";
	if (cr)
		return op->reg - X86_REG_CR0 == i->reg.number ? NULL
							      : "the control registers differ";
	if (op->size != i->size)
		return "the register sizes differ";
	return same_reg(op->reg, i->reg.number, i->reg.high, i->size) ? NULL
								      : "the registers differ";
}

static const char *compare_imm(const struct insn *i, const cs_x86_op *op)
{
	/* capstone does not sign-extend a bit offset, of which only the lowest bits count */
	u32 size = i->op >= INSN_BT && i->op <= INSN_BTC ? 1 : i->size;

	if (op->type != X86_OP_IMM)
		return "capstone has no immediate";
	return cut((u64)op->imm, size) == cut((u64)i->imm, size) ? NULL : "the immediates differ";
}

static const char *compare_string(const struct insn *i, const cs_x86 *x)
{
	const cs_x86_op *src = &x->operands[x->op_count - 1];

	if (i->op == INSN_STOS)
		src = &x->operands[0];
	if (src->type != X86_OP_MEM || src->size != i->size)
		return "the string operands differ";
	if (!same_reg(src->mem.base, i->mem.base, false, i->addr_size))
		return "the string registers differ";
	return NULL;
}

static const char *compare(const struct insn *i)
{
	const cs_x86 *x = &theirs->detail->x86;
	const cs_x86_op *ops = x->operands;
	const char *err;

	if (i->op != their_op(x))
		return "the instructions differ";
	if (i->op == INSN_STOS || i->op == INSN_LODS || i->op == INSN_MOVS)
		return compare_string(i, x);
	switch (i->form) {
	case INSN_FORM_NONE: return NULL;
	case INSN_FORM_RM: return compare_rm(i, &ops[0]);
	case INSN_FORM_IMM: return compare_imm(i, &ops[i->op == INSN_OUT ? 0 : 1]);
	case INSN_FORM_RM_IMM:
		err = compare_rm(i, &ops[0]);
		return err ? err : compare_imm(i, &ops[1]);
	case INSN_FORM_RM_REG:
		err = compare_rm(i, &ops[0]);
		return err ? err : compare_reg(i, &ops[1]);
	case INSN_FORM_REG_RM:
		err = compare_reg(i, &ops[0]);
		return err ? err : compare_rm(i, &ops[1]);
	}
	return "no such form";
}

static void test_operands(void **state)
{
	u8 b[INSN_MAX_BYTES + 1] = {0};
	u32 compared = 0, skipped = 0;

	(void)state;
	for (u32 n = 0; n < OPERAND_ROUNDS; n++) {
		enum insn_mode mode = (enum insn_mode)rnd_below(3);
		u32 i = build(b, mode);
		u16 op = known[rnd_below(ARRAY_SIZE(known))];
		struct insn insn;
		const char *err;
		int len;

		if (op >= 0x100)
			b[i++] = 0x0f;
		b[i] = (u8)op;
		if (!disassemble(b, mode))
			continue;
		len = insn_decode(b, INSN_MAX_BYTES, mode, &insn);
		if (len != theirs->size && !known_difference(b, mode, len))
			complain(b, mode, len, "the lengths differ");
		if (insn.op == INSN_OTHER && their_op(&theirs->detail->x86) == INSN_OTHER)
			continue;
		if (known_operands(b, mode)) {
			skipped++;
			continue;
		}
		err = compare(&insn);
		if (err)
			complain(b, mode, len, err);
		compared++;
	}
	printf("# operands of %u instructions agree, %u were not compared\n", compared, skipped);
	assert_true(compared > OPERAND_ROUNDS / 2);
}

int main(void)
{
	static const cs_mode modes[] = {CS_MODE_16, CS_MODE_32, CS_MODE_64};
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lengths),
					   cmocka_unit_test(test_operands)};

	for (int i = 0; i < 3; i++) {
		if (cs_open(CS_ARCH_X86, modes[i], &handles[i]))
			return 1;
		cs_option(handles[i], CS_OPT_DETAIL, CS_OPT_ON);
	}
	theirs = cs_malloc(handles[0]);
	return RUN_SEEDED(tests);
}
