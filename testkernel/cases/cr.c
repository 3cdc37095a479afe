/* SPDX-License-Identifier: MIT */
/* CR0 and CR4: what is written is read back, bit by bit, by every instruction that can. */
#include "testkernel/exec.h"
#include "testkernel/features.h"
#include "testkernel/groups.h"
#include "testkernel/lamina.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/cr.h"

#define CR0_NO_BITS 0x1ffaffc0

/* Writes CR0 and checks what MOV and SMSW read; the value must not fault. */
static void cr0_is(u64 value)
{
	struct exec e = {.f.gpr[RAX] = 0};
	u32 v = exec_acd(0, &snip_mov_to_cr0, value, 0, 0);

	check(v == VEC_DONE && read_cr0() == value, "CR0 := %lx: vector %u, CR0 is %lx", value, v,
	      read_cr0());
	exec(&e, 0, &snip_smsw);
	check(e.f.gpr[RAX] == value, "CR0 := %lx: SMSW gives %lx", value, e.f.gpr[RAX]);
}

static void cr0_bits(void *unused)
{
	static const u64 sets[] = {CR0_MP, CR0_EM, CR0_TS, CR0_NE,
				   CR0_WP, CR0_AM, CR0_CD, CR0_CD | CR0_NW};
	u64 start = read_cr0();

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		cr0_is(start ^ sets[i]);
		cr0_is(start);
	}
	for (u32 mix = 0; mix < 64; mix++) { /* every mix of MP EM TS NE WP AM */
		u64 v = start;

		for (u32 i = 0; i < 6; i++)
			v = mix >> i & 1 ? v | sets[i] : v & ~sets[i];
		cr0_is(v);
	}
	cr0_is(start);
}

/* ET reads 1 always; bits that do not exist read 0 and may be written (Intel SDM vol. 3A, 2.5). */
static void cr0_fixed(void *unused)
{
	u64 start = read_cr0();

	(void)unused;
	write_cr0(start & ~CR0_ET);
	check(read_cr0() == start, "ET := 0: CR0 is %lx, not %lx", read_cr0(), start);
	write_cr0(start | CR0_NO_BITS);
	check(read_cr0() == start ||
		      quirk_took(TCG_CR0_KEEPS_IGNORED,
				 !lamina_here() && read_cr0() == (start | CR0_NO_BITS)),
	      "reserved bits := 1: CR0 is %lx, not %lx", read_cr0(), start);
	write_cr0(start);
}

static void cr4_is(u64 value, const char *name)
{
	u32 v = exec_acd(0, &snip_mov_to_cr4, value, 0, 0);

	check(v == VEC_DONE && read_cr4() == value, "%s: CR4 := %lx: vector %u, CR4 is %lx", name,
	      value, v, read_cr4());
}

/* Bits that this kernel can have on and off in 64-bit mode; VMXE differs under Lamina. */
static bool may_toggle(u64 bit)
{
	return (cr4_allowed() & bit) &&
	       !(bit & (CR4_PAE | CR4_LA57 | CR4_VMXE | CR4_SMXE | CR4_CET | CR4_KL));
}

static void cr4_bits(void *unused)
{
	u64 start = read_cr4();

	(void)unused;
	for (u32 i = 0; i < cr4_feature_count; i++) {
		const struct cr4_feature *f = &cr4_features[i];

		if (!may_toggle(f->bit))
			continue;
		cr4_is(start | f->bit, f->name);
		cr4_is(start & ~f->bit, f->name);
		cr4_is(start, f->name);
		if (this_cpu()->index == 0)
			tap("CR4.%s is read back as written", f->name);
	}
	for (u32 i = 0; i < cr4_feature_count; i++) /* all of them, one after the other */
		if (may_toggle(cr4_features[i].bit))
			cr4_is(read_cr4() | cr4_features[i].bit, "all");
	cr4_is(start, "start");
}

static void cr4_faults(void *unused)
{
	u64 start = read_cr4();
	const u64 bad[] = {start & ~CR4_PAE, start ^ CR4_LA57};
	u32 v;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (quirk_fatal_cr(4, bad[i]))
			continue;
		v = exec_acd(0, &snip_mov_to_cr4, bad[i], 0, 0);
		check(v == VECTOR_GP && read_cr4() == start,
		      "CR4 := %lx in long mode: vector %u, CR4 %lx", bad[i], v, read_cr4());
	}
	check(read_cr4() == start, "CR4 is %lx, not %lx", read_cr4(), start);
	if (cr4_allowed() & CR4_PCIDE) {
		u64 cr3 = read_cr3();

		write_cr3(cr3 | 0x18); /* PCD PWT: bits 11:0 are not 0 */
		v = exec_acd(0, &snip_mov_to_cr4, start | CR4_PCIDE, 0, 0);
		check(v == VECTOR_GP && read_cr4() == start,
		      "PCIDE with CR3 %lx: vector %u, CR4 %lx", read_cr3(), v, read_cr4());
		write_cr3(cr3);
	}
}

static void clts(void *unused)
{
	u64 start = read_cr0();

	(void)unused;
	for (u32 i = 0; i < 4; i++) {
		u64 with = i & 1 ? start | CR0_TS : start & ~CR0_TS;
		u32 v;

		with = i & 2 ? with & ~CR0_NE : with;
		write_cr0(with);
		v = exec_acd(0, &snip_clts, 0, 0, 0);
		check(v == VEC_DONE && read_cr0() == (with & ~CR0_TS),
		      "CLTS on %lx: vector %u, CR0 %lx", with, v, read_cr0());
	}
	write_cr0(start);
}

/* LMSW loads bits 3:0 and no others; it can set PE but not clear it (Intel SDM vol. 2A, LMSW). */
static void lmsw(void *unused)
{
	static const u64 low4 = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
	u64 start = read_cr0();

	(void)unused;
	for (u32 i = 0; i < 32; i++) {
		u64 source = i < 16 ? i : 0xfff0 | (i & 15);
		u64 due = (start & ~low4) | (source & low4) | CR0_PE;
		u32 v = exec_acd(0, &snip_lmsw, source, 0, 0);

		check(v == VEC_DONE && read_cr0() == due, "LMSW %lx: vector %u, CR0 %lx, not %lx",
		      source, v, read_cr0(), due);
		write_cr0(start);
	}
}

/* SMSW: 16 bits to memory, all of CR0 to a 64-bit register; allowed at CPL 3 without UMIP. */
static void smsw(void *unused)
{
	volatile u64 *p = (volatile u64 *)this_cpu()->data;
	u64 cr4 = read_cr4();
	u32 v;

	(void)unused;
	for (u32 cpl = 0; cpl <= 3; cpl += 3) {
		*p = ~0ULL;
		v = exec_acd(cpl, &snip_smsw_mem, 0, 0, 0);
		check(v == VEC_DONE && *p == (~0xffffULL | (u16)read_cr0()),
		      "CPL %u SMSW to memory: vector %u, %lx", cpl, v, *p);
	}
	if (cr4_allowed() & CR4_UMIP) {
		write_cr4(cr4 | CR4_UMIP);
		v = exec_acd(3, &snip_smsw, 0, 0, 0);
		check(v == VECTOR_GP, "CPL 3 SMSW with UMIP: vector %u", v);
		write_cr4(cr4);
	}
}

void group_cr(void)
{
	on_each_cpu(cr0_bits, NULL);
	tap("CR0: MP EM TS NE WP AM CD NW are read back as written, alone and mixed");
	on_each_cpu(cr0_fixed, NULL);
	tap("CR0: ET stays 1, bits that do not exist stay 0");
	on_each_cpu(cr4_bits, NULL);
	tap("CR4: all bits CPUID allows are read back as written");
	on_each_cpu(cr4_faults, NULL);
	tap("CR4: PAE, LA57 and PCIDE changes that are not allowed are #GP");
	on_each_cpu(clts, NULL);
	tap("CLTS clears TS and nothing else");
	on_each_cpu(lmsw, NULL);
	tap("LMSW loads four bits and cannot clear PE");
	on_each_cpu(smsw, NULL);
	tap("SMSW stores 16 bits in memory and gives what MOV gives");
	cr_operands();
	cr_effects();
	cr_paging();
	probe_all();
	tap("after all this every CPU is where it was");
}
