/* SPDX-License-Identifier: MIT */
/*
 * The bare machine's rules: which values MOV CR, LMSW, CLTS and SMSW accept, and what they bring
 * about (Intel SDM vol. 2B, MOV to/from control registers; vol. 3A, 2.5, 4.1 and 4.10.4.1; AMD APM
 * vol. 2, 3.1 and 5.5). Both manuals demand the same unless a rule names a vendor.
 */
#include "crmodel/crm_rules.h"

#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"

/* The bits LMSW can load; PE it can only set (Intel SDM vol. 2A, LMSW). */
#define LMSW_BITS (CR0_PE | CR0_MP | CR0_EM | CR0_TS)

/* Each listed bit has one class, and is where x86/cr.h has it. */
/* clang-format off */
#define CRM_CR0_BIT(name, bit, class) _Static_assert(CR0_##name == BIT(bit), "CR0." #name);
#define CRM_CR4_BIT(name, bit, class, w, b) _Static_assert(CR4_##name == BIT(bit), "CR4." #name);
#include "crmodel/crm_bits.def"
_Static_assert(0
#define CRM_CR0_BIT(name, bit, class) + BIT(bit)
#include "crmodel/crm_bits.def"
	== (0
#define CRM_CR0_BIT(name, bit, class) | BIT(bit)
#include "crmodel/crm_bits.def"
	), "a bit of CR0 has two classes");
_Static_assert(0
#define CRM_CR4_BIT(name, bit, class, w, b) + BIT(bit)
#include "crmodel/crm_bits.def"
	== (0
#define CRM_CR4_BIT(name, bit, class, w, b) | BIT(bit)
#include "crmodel/crm_bits.def"
	), "a bit of CR4 has two classes");
/* clang-format on */

u64 crm_class(enum crm_name name, enum crm_class class)
{
	u64 cr0 = 0, cr4 = 0, all0 = 0, all4 = 0;

	/* clang-format off */
#define CRM_CR0_BIT(name, bit, c) all0 |= BIT(bit); cr0 |= CRM_##c == class ? BIT(bit) : 0;
#define CRM_CR4_BIT(name, bit, c, w, b) all4 |= BIT(bit); cr4 |= CRM_##c == class ? BIT(bit) : 0;
#include "crmodel/crm_bits.def"
	/* clang-format on */
	if (name == CRM_CR4)
		return class == CRM_RESERVED ? ~all4 : cr4;
	if (class == CRM_IGNORED) /* reserved, but below bit 32 */
		return ~all0 & UINT32_MAX;
	return class == CRM_RESERVED ? ~(u64)UINT32_MAX : cr0;
}

u64 crm_cr4_by_cpuid(const u32 words[CRM_CPUID_WORDS])
{
	return 0
#define CRM_CR4_BIT(name, bit, c, word, cpuid_bit) \
	| (words[CRM_CPUID_##word] >> cpuid_bit & 1 ? BIT(bit) : 0)
#include "crmodel/crm_bits.def"
		;
}

bool crm_pdptes_valid(const u64 pdpte[4], u32 phys_bits)
{
	u64 reserved = PDPTE_RESERVED | ~(BIT(phys_bits) - 1);

	for (int i = 0; i < 4; i++)
		if ((pdpte[i] & PTE_P) && (pdpte[i] & reserved))
			return false;
	return true;
}

enum crm_name crm_target(const struct crm_insn *i)
{
	bool mov = i->op == CRM_MOV_TO || i->op == CRM_MOV_FROM;

	return mov && i->cr == 4 ? CRM_CR4 : CRM_CR0;
}

bool crm_is_read(const struct crm_insn *i)
{
	return i->op == CRM_MOV_FROM || i->op == CRM_SMSW;
}

static bool mode64(const struct crm_cpu *cpu)
{
	return (cpu->efer & EFER_LMA) && cpu->cs_l;
}

u64 crm_width(const struct crm_cpu *cpu, u64 value)
{
	return mode64(cpu) ? value : (u32)value;
}

/* CR1, CR5 to CR7 and CR9 to CR15 do not exist. */
static bool exists(u8 cr)
{
	return cr == 0 || cr == 8 || (cr >= 2 && cr <= 4);
}

enum crm_verdict crm_decode(const struct crm_cpu *cpu, const struct crm_regs *r,
			    const struct crm_insn *i)
{
	if ((i->op == CRM_MOV_TO || i->op == CRM_MOV_FROM) && !exists(i->cr))
		return CRM_UD;
	if (cpu->cpl == 0)
		return CRM_OK;
	return i->op == CRM_SMSW && !(r->cr[CRM_CR4] & CR4_UMIP) ? CRM_OK : CRM_GP;
}

u64 crm_proposed(const struct crm_cpu *cpu, const struct crm_insn *i, u64 old)
{
	switch (i->op) {
	case CRM_MOV_TO: return crm_width(cpu, i->value);
	case CRM_LMSW: return (old & ~LMSW_BITS) | (i->value & LMSW_BITS) | (old & CR0_PE);
	case CRM_CLTS: return old & ~CR0_TS;
	default: return old;
	}
}

u64 crm_stored(enum crm_name name, u64 proposed)
{
	return (proposed | crm_class(name, CRM_FIXED)) & ~crm_class(name, CRM_IGNORED);
}

/* Paging on: to IA-32e mode only with PAE, from code that is not 64-bit, and on Intel with a TSS
 * that is not 16-bit (Intel SDM vol. 3A, 10.8.5; AMD APM vol. 2, 14.6.1). */
static bool may_page(const struct crm_cpu *cpu, u64 cr4)
{
	if (!(cpu->efer & EFER_LME))
		return true;
	return (cr4 & CR4_PAE) && !cpu->cs_l && !(cpu->vendor == CRM_INTEL && cpu->tss16);
}

static bool cr0_valid(const struct crm_cpu *cpu, const struct crm_regs *r, u64 new)
{
	u64 old = r->cr[CRM_CR0], cr4 = r->cr[CRM_CR4];
	u64 set = new & ~old, cleared = old & ~new;

	if (new &crm_class(CRM_CR0, CRM_RESERVED))
		return false;
	if ((new &(CR0_PG | CR0_PE)) == CR0_PG || (new &(CR0_NW | CR0_CD)) == CR0_NW)
		return false;
	if ((set & CR0_PG) && !may_page(cpu, cr4))
		return false;
	if ((cleared & CR0_PG) && (mode64(cpu) || (cr4 & CR4_PCIDE)))
		return false;
	return !((cleared & CR0_WP) && (cr4 & CR4_CET));
}

static bool cr4_valid(const struct crm_cpu *cpu, const struct crm_regs *r, u64 new)
{
	u64 old = r->cr[CRM_CR4];
	u64 set = new & ~old;
	bool lma = cpu->efer & EFER_LMA;

	if (set & ~cpu->cr4_allowed)
		return false;
	if (lma && (((old ^ new) & CR4_LA57) || !(new &CR4_PAE)))
		return false;
	if ((set & CR4_PCIDE) && (!lma || (cpu->cr3 & 0xfff)))
		return false;
	return !((set & CR4_CET) && !(r->cr[CRM_CR0] & CR0_WP));
}

enum crm_verdict crm_judge(const struct crm_cpu *cpu, const struct crm_regs *r, enum crm_name name,
			   u64 proposed)
{
	bool valid = name == CRM_CR0 ? cr0_valid(cpu, r, proposed) : cr4_valid(cpu, r, proposed);

	return valid ? CRM_OK : CRM_GP;
}

/*
 * With these values the four PDPTEs are in use. AMD's nested paging reads them when it walks the
 * tables (AMD APM vol. 2, 15.25.10), so there is nothing to reload.
 */
static bool uses_pdptes(const struct crm_cpu *cpu, u64 cr0, u64 cr4)
{
	return cpu->vendor == CRM_INTEL && (cr0 & CR0_PG) && (cr4 & CR4_PAE) &&
	       !(cpu->efer & EFER_LME);
}

static u64 cr0_effects(const struct crm_cpu *cpu, const struct crm_regs *r, u64 new)
{
	u64 changed = r->cr[CRM_CR0] ^ new;
	u64 effects = 0;

	if (changed & CR0_PG) {
		effects = CRM_TLB_ALL | (new &CR0_PG ? CRM_PAGED : CRM_UNPAGED);
		if (cpu->efer & EFER_LME)
			effects |= new &CR0_PG ? CRM_LMA_SET : CRM_LMA_CLEAR;
	}
	if ((changed & (CR0_PG | CR0_CD | CR0_NW)) && uses_pdptes(cpu, new, r->cr[CRM_CR4]))
		effects |= CRM_PDPTE;
	return effects;
}

static u64 cr4_effects(const struct crm_cpu *cpu, const struct crm_regs *r, u64 new)
{
	u64 old = r->cr[CRM_CR4];
	u64 changed = old ^ new;
	u64 effects = 0;

	if ((changed & CR4_PGE) || (old & ~new &CR4_PCIDE))
		effects |= CRM_TLB_ALL;
	if ((changed & (CR4_PAE | CR4_PSE)) || (new & ~old &CR4_SMEP))
		effects |= CRM_TLB_PCID;
	if ((changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)) &&
	    uses_pdptes(cpu, r->cr[CRM_CR0], new))
		effects |= CRM_PDPTE;
	return effects;
}

u64 crm_effects(const struct crm_cpu *cpu, const struct crm_regs *r, enum crm_name name, u64 stored)
{
	return name == CRM_CR0 ? cr0_effects(cpu, r, stored) : cr4_effects(cpu, r, stored);
}

/* Bit 63 asks, with PCIDE, for no invalidation, and is never stored (Intel SDM vol. 3A, 4.10.4.1).
 */
static struct crm_result write_cr3(const struct crm_cpu *cpu, const struct crm_regs *r, u64 value)
{
	bool keep = (value & BIT(63)) && (r->cr[CRM_CR4] & CR4_PCIDE);
	u64 stored = keep ? value & ~BIT(63) : value;

	if (stored >> cpu->phys_bits)
		return (struct crm_result){.verdict = CRM_GP};
	return (struct crm_result){
		.value = stored,
		.effects = (keep ? 0 : CRM_TLB_PCID) |
			   (uses_pdptes(cpu, r->cr[CRM_CR0], r->cr[CRM_CR4]) ? CRM_PDPTE : 0),
	};
}

struct crm_result crm_other(const struct crm_cpu *cpu, const struct crm_regs *r,
			    const struct crm_insn *i)
{
	u64 value = crm_width(cpu, i->value);

	if (i->op == CRM_MOV_FROM)
		return (struct crm_result){.value = i->cr == 3 ? crm_width(cpu, cpu->cr3) : 0};
	if (i->cr == 3)
		return write_cr3(cpu, r, value);
	if (i->cr == 8 && value >> 4)
		return (struct crm_result){.verdict = CRM_GP};
	return (struct crm_result){.value = value};
}
