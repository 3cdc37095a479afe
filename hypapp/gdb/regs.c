/* SPDX-License-Identifier: MIT */
#include "hypapp/gdb/regs.h"

#include "hv/backend.h"
#include "hv/gmem.h"
#include "hypapp/gdb/step.h"
#include "x86/rflags.h"

enum regs_kind {
	KIND_GPR,
	KIND_RSP,
	KIND_RIP,
	KIND_SEG, /* a selector: shown only */
	KIND_REG, /* of enum cpu_reg */
	KIND_CR,  /* of enum cpu_reg, as the guest sees it: shown only */
	KIND_FPU, /* not known: Lamina leaves the FPU alone */
};

#define R(name, type, bits) "<reg name=\"" name "\" bitsize=\"" #bits "\" type=\"" type "\"/>"
#define R64(name)	    R(name, "int64", 64)
#define R32(name)	    R(name, "int32", 32)
#define ST(name)	    R(name, "i387_ext", 80)

const char regs_xml[] =
	"<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
	"<target><architecture>i386:x86-64</architecture>"
	"<feature name=\"org.gnu.gdb.i386.core\">" R64("rax") R64("rbx") R64("rcx") R64("rdx") R64(
		"rsi") R64("rdi") R("rbp", "data_ptr", 64) R("rsp", "data_ptr", 64) R64("r8")
		R64("r9") R64("r10") R64("r11") R64("r12") R64("r13") R64("r14") R64("r15") R(
			"rip", "code_ptr", 64) R32("eflags") R32("cs") R32("ss") R32("ds") R32("es")
			R32("fs") R32("gs") ST("st0") ST("st1") ST("st2") ST("st3") ST("st4") ST(
				"st5") ST("st6") ST("st7") R32("fctrl") R32("fstat") R32("ftag")
				R32("fiseg") R32("fioff") R32("foseg") R32("fooff") R32(
					"fop") "</feature>"
					       "<feature name=\"org.gnu.gdb.i386.segments\">" R64("fs_base") R64(
						       "gs_base") "</feature>"
								  "<feature name=\"lamina.system\">" R64(
									  "cr0") R64("cr2") R64("cr3")
									  R64("cr4") R64("efer") R64(
										  "dr6") R64("dr7") R64("cs_base")
										  R64("idtr_base") R64(
											  "gdtr_base")
											  R64("tr_base") "</feature></target>";

static const struct {
	u8 kind, size;
	u16 n;
} table[REGS_COUNT] = {
	{KIND_GPR, 8, GPR_RAX},
	{KIND_GPR, 8, GPR_RBX},
	{KIND_GPR, 8, GPR_RCX},
	{KIND_GPR, 8, GPR_RDX},
	{KIND_GPR, 8, GPR_RSI},
	{KIND_GPR, 8, GPR_RDI},
	{KIND_GPR, 8, GPR_RBP},
	{KIND_RSP, 8, 0},
	{KIND_GPR, 8, GPR_R8},
	{KIND_GPR, 8, GPR_R9},
	{KIND_GPR, 8, GPR_R10},
	{KIND_GPR, 8, GPR_R11},
	{KIND_GPR, 8, GPR_R12},
	{KIND_GPR, 8, GPR_R13},
	{KIND_GPR, 8, GPR_R14},
	{KIND_GPR, 8, GPR_R15},
	{KIND_RIP, 8, 0},
	{KIND_REG, 4, REG_RFLAGS},
	{KIND_SEG, 4, SEG_CS},
	{KIND_SEG, 4, SEG_SS},
	{KIND_SEG, 4, SEG_DS},
	{KIND_SEG, 4, SEG_ES},
	{KIND_SEG, 4, SEG_FS},
	{KIND_SEG, 4, SEG_GS},
	{KIND_FPU, 10, 0},
	{KIND_FPU, 10, 0},
	{KIND_FPU, 10, 0},
	{KIND_FPU, 10, 0},
	{KIND_FPU, 10, 0},
	{KIND_FPU, 10, 0},
	{KIND_FPU, 10, 0},
	{KIND_FPU, 10, 0},
	{KIND_FPU, 4, 0},
	{KIND_FPU, 4, 0},
	{KIND_FPU, 4, 0},
	{KIND_FPU, 4, 0},
	{KIND_FPU, 4, 0},
	{KIND_FPU, 4, 0},
	{KIND_FPU, 4, 0},
	{KIND_FPU, 4, 0},
	{KIND_REG, 8, REG_SEG(SEG_FS, SEG_BASE)},
	{KIND_REG, 8, REG_SEG(SEG_GS, SEG_BASE)},
	{KIND_CR, 8, REG_CR0},
	{KIND_REG, 8, REG_CR2},
	{KIND_CR, 8, REG_CR3},
	{KIND_CR, 8, REG_CR4},
	{KIND_CR, 8, REG_EFER},
	{KIND_CR, 8, REG_DR6},
	{KIND_CR, 8, REG_DR7},
	{KIND_CR, 8, REG_SEG(SEG_CS, SEG_BASE)},
	{KIND_CR, 8, REG_IDTR_BASE},
	{KIND_CR, 8, REG_GDTR_BASE},
	{KIND_CR, 8, REG_SEG(SEG_TR, SEG_BASE)},
};

u32 regs_size(u32 reg)
{
	return reg < REGS_COUNT ? table[reg].size : 0;
}

/* A bit that Lamina owns is read from the shadow. */
static u64 seen(struct vcpu *v, enum cpu_reg r)
{
	u64 hw = backend->state_get(v, r), owned = 0, shadow = 0;

	if (r == REG_CR0 || r == REG_CR4) {
		owned = backend->state_get(v, r == REG_CR0 ? REG_CR0_OWNED : REG_CR4_OWNED);
		shadow = backend->state_get(v, r == REG_CR0 ? REG_CR0_SHADOW : REG_CR4_SHADOW);
	}
	return (hw & ~owned) | (shadow & owned);
}

bool regs_get(struct vcpu *v, u32 reg, u64 *value)
{
	u16 n = table[reg].n;

	switch (table[reg].kind) {
	case KIND_GPR: *value = v->gpr[n]; return true;
	case KIND_RSP: *value = backend->state_get(v, REG_RSP); return true;
	case KIND_RIP: *value = step_linear_rip(v); return true;
	case KIND_SEG: *value = backend->state_get(v, REG_SEG(n, SEG_SEL)); return true;
	case KIND_REG: *value = backend->state_get(v, (enum cpu_reg)n); return true;
	case KIND_CR: *value = seen(v, (enum cpu_reg)n); return true;
	default: return false;
	}
}

/* An entry with another address than such would fail (Intel SDM vol. 3C, 27.3.1). */
static bool is_canonical(u64 linear)
{
	return linear + (1ULL << 47) < 1ULL << 48;
}

static bool set_rip(struct vcpu *v, u64 linear)
{
	u64 base = step_linear_rip(v) - backend->state_get(v, REG_RIP);
	u64 rip = linear - base;

	if (gmem_code_mode(v) == INSN_64 ? !is_canonical(rip) : rip >> 32)
		return false;
	backend->state_set(v, REG_RIP, rip);
	return true;
}

static bool set_rflags(struct vcpu *v, u64 value)
{
	const u64 kept = RFLAGS_VM | RFLAGS_FIXED;
	u64 now = backend->state_get(v, REG_RFLAGS);

	backend->state_set(v, REG_RFLAGS, (value & RFLAGS_WRITABLE & ~kept) | (now & kept));
	return true;
}

bool regs_set(struct vcpu *v, u32 reg, u64 value)
{
	u16 n = table[reg].n;

	switch (table[reg].kind) {
	case KIND_GPR: v->gpr[n] = value; return true;
	case KIND_RSP: backend->state_set(v, REG_RSP, value); return true;
	case KIND_RIP: return set_rip(v, value);
	case KIND_REG:
		if (n == REG_RFLAGS)
			return set_rflags(v, value);
		if (n != REG_CR2 && !is_canonical(value))
			return false;
		backend->state_set(v, (enum cpu_reg)n, value);
		return true;
	default: return false;
	}
}
