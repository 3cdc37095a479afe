/* SPDX-License-Identifier: MIT */
/* The register operand of the CR instructions: all sixteen, RSP among them, and what a fault
 * leaves. */
#include "testkernel/exec.h"
#include "testkernel/features.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/cr.h"

#define DECOY 0x1122334455667700ULL /* plus the number of the register */

/* MOV to (0F 22) or from (0F 20) a control register: Intel SDM vol. 2B. */
static u32 mov_cr(struct exec *e, u32 opcode, u32 cr, u32 reg)
{
	const u8 code[4] = {(u8)(0x40 | reg >> 3), 0x0f, (u8)opcode,
			    (u8)(0xc0 | cr << 3 | (reg & 7))};

	return exec_bytes(e, 0, code, sizeof(code));
}

static u32 lmsw_reg(struct exec *e, u32 reg, u32 digit)
{
	const u8 code[4] = {(u8)(0x48 | reg >> 3), 0x0f, 0x01, (u8)(0xc0 | digit << 3 | (reg & 7))};

	return exec_bytes(e, 0, code, sizeof(code));
}

static void decoys(struct exec *e)
{
	*e = (struct exec){0};
	for (u32 i = 0; i < 16; i++)
		e->f.gpr[i] = i == RSP ? 0 : DECOY + i;
}

/* All registers but `reg` are as decoys() made them. */
static void check_others(const struct exec *e, u32 reg, const char *what)
{
	for (u32 i = 0; i < 16; i++)
		check(i == reg || i == RSP || e->f.gpr[i] == DECOY + i, "%s %u: register %u is %lx",
		      what, reg, i, e->f.gpr[i]);
}

static u64 read_cr(u32 cr)
{
	return cr ? read_cr4() : read_cr0();
}

static void write_cr(u32 cr, u64 v)
{
	if (cr)
		write_cr4(v);
	else
		write_cr0(v);
}

static void reads(u32 cr, u32 reg)
{
	struct exec e;
	u32 v;

	decoys(&e);
	v = mov_cr(&e, 0x20, cr, reg);
	check(v == VEC_DONE && e.f.gpr[reg] == read_cr(cr), "from CR%u, %u: vector %u, %lx", cr,
	      reg, v, e.f.gpr[reg]);
	check_others(&e, reg, "from CR, register");
}

static void writes(u32 cr, u32 reg, u64 flip)
{
	u64 start = read_cr(cr);
	struct exec e;
	u32 v;

	decoys(&e);
	e.f.gpr[reg] = start ^ flip;
	v = mov_cr(&e, 0x22, cr, reg);
	check(v == VEC_DONE && read_cr(cr) == (start ^ flip), "to CR%u, %u: vector %u, CR is %lx",
	      cr, reg, v, read_cr(cr));
	check(e.f.gpr[reg] == (start ^ flip), "to CR%u, %u: operand is %lx", cr, reg, e.f.gpr[reg]);
	check_others(&e, reg, "to CR, register");
	write_cr(cr, start);
}

/* The faulting write: registers, RIP and the control register are as before. */
static void faults(u32 cr, u32 reg, u64 bad)
{
	u64 start = read_cr(cr);
	struct exec e;
	u32 v;

	if (quirk_fatal_cr(cr, bad))
		return;
	decoys(&e);
	e.f.gpr[reg] = bad;
	v = mov_cr(&e, 0x22, cr, reg);
	check((v == VECTOR_GP && e.f.rip == 0 && e.f.error == 0 && read_cr(cr) == start) ||
		      quirk_took_cr(cr, bad, v),
	      "to CR%u := %lx, %u: vector %u at +%lu, CR %lx", cr, bad, reg, v, e.f.rip,
	      read_cr(cr));
	check(e.f.gpr[reg] == bad, "to CR%u := %lx, %u: reg %lx", cr, bad, reg, e.f.gpr[reg]);
	check_others(&e, reg, "#GP, register");
	write_cr(cr, start);
}

static void all_moves(void *unused)
{
	(void)unused;
	for (u32 reg = 0; reg < 16; reg++) {
		reads(0, reg);
		reads(4, reg);
		writes(0, reg, CR0_NE);
		writes(0, reg, CR0_NE | CR0_AM | CR0_TS);
		writes(0, reg, CR0_CD);
		writes(4, reg, CR4_TSD);
		writes(4, reg, CR4_PGE | CR4_DE);
	}
}

static void all_faults(void *unused)
{
	u64 cr0 = read_cr0(), cr4 = read_cr4();

	(void)unused;
	for (u32 reg = 0; reg < 16; reg++) {
		faults(0, reg, cr0 & ~CR0_PG);
		faults(0, reg, cr0 ^ (CR0_PE | CR0_NE));
		faults(0, reg, cr0 ^ (CR0_NW | CR0_NE));
		faults(0, reg, (cr0 ^ CR0_NE) | BIT(40));
		faults(4, reg, cr4 | BIT(15));
		faults(4, reg, cr4 & ~CR4_PAE);
		if (!(cr4_allowed() & CR4_VMXE))
			faults(4, reg, (cr4 | CR4_VMXE) ^ CR4_TSD);
	}
}

static void all_lmsw(void *unused)
{
	u64 start = read_cr0();

	(void)unused;
	for (u32 reg = 0; reg < 16; reg++) {
		struct exec e;
		u32 v;

		decoys(&e);
		e.f.gpr[reg] = DECOY | 0xf; /* with RSP as the operand any value does */
		v = lmsw_reg(&e, reg, 6);
		check(v == VEC_DONE && read_cr0() == (start | CR0_MP | CR0_EM | CR0_TS),
		      "LMSW %u: vector %u, CR0 is %lx", reg, v, read_cr0());
		check_others(&e, reg, "LMSW, register");
		write_cr0(start ^ CR0_NE);
		decoys(&e);
		v = lmsw_reg(&e, reg, 4);
		check(v == VEC_DONE && e.f.gpr[reg] == (start ^ CR0_NE), "SMSW %u: vector %u, %lx",
		      reg, v, e.f.gpr[reg]);
		check_others(&e, reg, "SMSW, register");
		write_cr0(start);
	}
}

void cr_operands(void)
{
	on_each_cpu(all_moves, NULL);
	tap("MOV to and from CR0 and CR4 with each of 16 registers");
	on_each_cpu(all_faults, NULL);
	tap("a MOV that is #GP changes no register, not even RIP");
	on_each_cpu(all_lmsw, NULL);
	tap("LMSW and SMSW with each of 16 registers");
}
