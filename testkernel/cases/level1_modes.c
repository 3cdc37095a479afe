/* SPDX-License-Identifier: MIT */
/* Writes that depend on, or change, the paging mode: IA-32e mode, PCIDs, PDPTEs. */
#include "testkernel/cases/level1.h"
#include "testkernel/features.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/trap.h"
#include "x86/cr.h"
#include "x86/msr.h"

/* A MOV of hw with these bits changed, nothing but the forced bits owned. */
static void set_write(struct l1_case *c, enum crm_name name, u64 change)
{
	c->op = CRM_MOV_TO;
	c->num = name == CRM_CR0 ? 0 : 4;
	c->gpr = RDX;
	for (u32 i = 0; i < CRM_CRS; i++)
		c->cr[i].owned = l1_forced((enum crm_name)i);
	c->value = c->cr[name].hw ^ change;
}

static void must_end(const struct l1_case *c, bool accepted)
{
	struct l1_result r;

	if (!level1_check(c, &r))
		return;
	check(accepted ? r.x.kind == L2_CALL : r.x.kind == L2_EXCEPTION && r.x.vector == VECTOR_GP,
	      "%s: exit kind %u, vector %u", l1_mode_name(c->mode), (u32)r.x.kind, r.x.vector);
	if (!accepted)
		return;
	check(!(r.after.efer & EFER_LMA) == !r.after.ia32e, "EFER %lx, control %u", r.after.efer,
	      (u32)r.after.ia32e);
}

/* Paging on: IA-32e mode needs PAE, no CS.L and, on Intel, no 16-bit TSS (Intel SDM vol.
 * 3A, 10.8.5; AMD APM vol. 2, 14.6.1). */
static void paging_on(void *unused)
{
	bool intel = cpu_vendor() == CRM_INTEL;
	struct l1_case c;

	(void)unused;
	for (u32 i = 0; i < 16; i++) {
		bool lme = i & 1, pae = i & 2;

		l1_plain(&c, L2_FLAT);
		c.efer = lme ? EFER_LME : 0;
		c.cr[CRM_CR4].hw |= pae ? CR4_PAE : 0;
		c.cs_l = i >> 2 & 1;
		c.tss16 = i >> 3 & 1;
		set_write(&c, CRM_CR0, CR0_PG);
		must_end(&c, !lme || (pae && !c.cs_l && !(intel && c.tss16)));
	}
}

/* Paging off: never in 64-bit code, nor with PCIDE (Intel SDM vol. 2B, MOV CR). */
static void paging_off(void *unused)
{
	static const enum l2_mode from[] = {L2_PAGED, L2_PAE, L2_COMPAT, L2_LONG};
	struct l1_case c;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(from); i++) {
		l1_plain(&c, from[i]);
		set_write(&c, CRM_CR0, CR0_PG);
		must_end(&c, from[i] != L2_LONG);
		set_write(&c, CRM_CR0, CR0_PG | CR0_PE);
		must_end(&c, from[i] != L2_LONG);
		set_write(&c, CRM_CR0, CR0_PE);
		must_end(&c, false);
		c.cr[CRM_CR4].hw |= CR4_PCIDE;
		set_write(&c, CRM_CR0, CR0_PG);
		if (l1_enterable(&c))
			must_end(&c, false);
	}
}

/* PCIDE on: with LMA and CR3[11:0] = 0 only; off: always. */
static void pcide(void *unused)
{
	static const u16 low[] = {0, 8, 0x10, 0x123, 0xfff};
	struct crm_cpu cpu;
	struct l1_case c;
	bool exists;

	(void)unused;
	l1->limits(&cpu);
	exists = !(cpu.limits[CRM_CR4].must0 & CR4_PCIDE);
	for (u32 mode = 0; mode < L2_V86; mode++)
		for (size_t i = 0; i < ARRAY_SIZE(low); i++) {
			bool lma = mode == L2_COMPAT || mode == L2_LONG;

			l1_plain(&c, (enum l2_mode)mode);
			if (!lma && low[i] > 0x10)
				continue;
			c.cr3_low = low[i];
			set_write(&c, CRM_CR4, CR4_PCIDE);
			must_end(&c, exists && lma && !low[i]);
			c.cr[CRM_CR4].hw |= CR4_PCIDE;
			set_write(&c, CRM_CR4, CR4_PCIDE);
			if (l1_enterable(&c))
				must_end(&c, true);
		}
}

/* SMSW outside CPL 0: the real CR4.UMIP decides, where there is one, not what the guest sees of it
 * (Intel SDM vol. 2B, SMSW). */
static void umip(void *unused)
{
	static const enum l2_mode in[] = {L2_FLAT, L2_PAGED, L2_PAE, L2_COMPAT, L2_LONG, L2_V86};
	struct l1_case c;
	u32 runs = 0;

	(void)unused;
	for (size_t m = 0; m < ARRAY_SIZE(in); m++)
		for (u32 i = 0; i < 16; i++) {
			l1_plain(&c, in[m]);
			c.op = CRM_SMSW;
			c.mem = i >> 2 & 1;
			c.cpl = i >> 3 || in[m] == L2_V86 ? 3 : 0;
			c.cr[CRM_CR4].owned = CR4_UMIP;
			c.cr[CRM_CR4].shadow = i & 1 ? CR4_UMIP : 0;
			c.cr[CRM_CR4].hw |= i & 2 ? CR4_UMIP : 0;
			if (!l1_enterable(&c))
				continue;
			must_end(&c, !c.cpl || !(i & 2));
			runs++;
		}
	check(runs >= ARRAY_SIZE(in) * 8, "only %u accesses", runs);
}

static bool asks_for_pdptes(enum crm_name name, u64 bit)
{
	if (name == CRM_CR0)
		return bit & (CR0_CD | CR0_NW | CR0_PG);
	return bit & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP);
}

/* One bit of a register changes in a way that ends in PAE paging. */
static void into_pae(enum l2_mode mode, enum crm_name name, u64 bit, bool pae)
{
	struct l1_case c;
	struct l1_result r;

	for (u32 tag = 0; tag < 16; tag++) { /* from 8 on, a PDPTE is invalid */
		l1_plain(&c, mode);
		c.cr[CRM_CR4].hw |= pae ? CR4_PAE : 0;
		c.pdpte = tag | tag << 4;
		c.cr[CRM_CR0].hw |= bit == CR0_NW ? CR0_CD : 0;
		set_write(&c, name, bit);
		if (!level1_check(&c, &r))
			continue;
		if (l1 == &l1_svm || asks_for_pdptes(name, bit))
			check((l1 == &l1_svm || tag < 8) == (r.x.kind == L2_CALL),
			      "CR%u ^ %lx, PDPTEs %u: kind %u", (u32)c.num, bit, tag,
			      (u32)r.x.kind);
	}
}

/* Intel SDM vol. 3A, 4.4.1. With nested paging, AMD's processors read them when they walk the
 * tables, so a bad one that is not needed does no harm (AMD APM vol. 2, 15.25.10). */
static void pdptes(void *unused)
{
	static const u64 cr0[] = {CR0_MP, CR0_EM, CR0_TS, CR0_WP, CR0_AM, CR0_CD, CR0_NW};
	struct crm_cpu cpu;

	(void)unused;
	l1->limits(&cpu);
	for (size_t i = 0; i < ARRAY_SIZE(cr0); i++)
		into_pae(L2_PAE, CRM_CR0, cr0[i], true);
	for (u32 bit = 0; bit < 32; bit++)
		if (!(BIT(bit) & (cpu.limits[CRM_CR4].must0 | CR4_VMXE | CR4_PAE | CR4_PCIDE |
				  CR4_CET | CR4_LA57)))
			into_pae(L2_PAE, CRM_CR4, BIT(bit), true);
	into_pae(L2_FLAT, CRM_CR0, CR0_PG, true);
	into_pae(L2_PAGED, CRM_CR4, CR4_PAE, false);
}

void level1_modes(void)
{
	on_each_cpu(paging_on, NULL); /* E1 E1b P3 */
	level1_tap("cr0: PG := 1 with every LME, PAE, CS.L and 16-bit TSS");
	on_each_cpu(paging_off, NULL); /* E1 E4 G6 G12 */
	level1_tap("cr0: PG := 0, PE := 0 and both, from every paging mode, with PCIDE too");
	on_each_cpu(pcide, NULL); /* G7 R2 */
	level1_tap("cr4: PCIDE on and off, with every kind of CR3[11:0]");
	on_each_cpu(umip, NULL); /* T6 L7 */
	level1_tap("smsw: UMIP real and seen, to memory and register, at CPL 0 and 3");
	on_each_cpu(pdptes, NULL); /* P1 P2 L4 */
	if (l1 == &l1_svm)
		level1_tap("pdptes: a bad one that is not in use is no #GP");
	else
		level1_tap(
			"pdptes: loaded by the bits that ask for it, a bad one is #GP and changes "
			"nothing");
}
