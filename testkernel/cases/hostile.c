/* SPDX-License-Identifier: MIT */
/*
 * Instructions a guest should not execute, at CPL 0 and 3 on every CPU: each gets the fault that a
 * machine without VT-x gives. Where a bare machine with VT-x differs, the check is made only if
 * Lamina hides VT-x, and a diagnostic tells what the bare machine did.
 */
#include "testkernel/exec.h"
#include "testkernel/features.h"
#include "testkernel/groups.h"
#include "testkernel/lamina.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/hostile.h"
#include "x86/msr.h"

#define UNKNOWN_HYPERCALL 0x12345678

struct hostile {
	const char *name;
	const struct snippet *code;
};

static u32 tried; /* hostile instructions executed so far, on all CPUs */

u32 hostile_exec(u32 cpl, const struct snippet *s, u64 rax, u64 rcx, u64 rdx)
{
	tried++;
	return exec_acd(cpl, s, rax, rcx, rdx);
}

/* All of these are #UD outside of VMX operation, or with CR4.VMXE or SMXE clear, before any check
 * of the privilege level (Intel SDM vol. 3C, chapter 31; vol. 2D, GETSEC). */
static void vmx_instructions(void *arg)
{
	static const struct hostile list[] = {
		{"VMXON", &snip_vmxon},	      {"VMXOFF", &snip_vmxoff},
		{"VMLAUNCH", &snip_vmlaunch}, {"VMRESUME", &snip_vmresume},
		{"VMREAD", &snip_vmread},     {"VMWRITE", &snip_vmwrite},
		{"VMPTRLD", &snip_vmptrld},   {"VMPTRST", &snip_vmptrst},
		{"VMCLEAR", &snip_vmclear},   {"INVEPT", &snip_invept},
		{"INVVPID", &snip_invvpid},   {"VMFUNC", &snip_vmfunc},
		{"GETSEC", &snip_getsec},     {"VMCALL", &snip_vmcall},
		{"VMMCALL", &snip_vmmcall},
	};
	u32 cpl = *(u32 *)arg;

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		struct exec e = {.f.gpr[RAX] = UNKNOWN_HYPERCALL};
		u32 v;

		tried++;
		e.f.gpr[RDI] = exec_data(cpl);
		v = exec(&e, cpl, list[i].code);
		check(v == VECTOR_UD && e.f.rip == 0, "CPL %u %s: vector %u at +%u", cpl,
		      list[i].name, v, (u32)e.f.rip);
	}
}

/* VMCALL with Lamina's own numbers is #UD at CPL 3, as is everything there. */
static void user_hypercalls(void *unused)
{
	static const u32 numbers[] = {HC_PROBE, HC_INFO, HC_STATS, 0, 0xffffffff};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct exec e = {.f.gpr[RAX] = numbers[i]};
		u32 v = lamina_call(&e, 3);

		check(v == VECTOR_UD, "CPL 3 VMCALL %x: vector %u", numbers[i], v);
	}
}

static void cache_instructions(void *unused)
{
	u32 v = hostile_exec(3, &snip_invd, 0, 0, 0);

	(void)unused;
	check(v == VECTOR_GP, "CPL 3 INVD: vector %u", v);
	v = hostile_exec(3, &snip_wbinvd, 0, 0, 0);
	check(v == VECTOR_GP, "CPL 3 WBINVD: vector %u", v);
	v = hostile_exec(0, &snip_wbinvd, 0, 0, 0);
	check(v == VEC_DONE, "CPL 0 WBINVD: vector %u", v);
	v = hostile_exec(0, &snip_invd, 0, 0, 0);
	check(v == VEC_DONE, "CPL 0 INVD: vector %u", v);
}

static void privileged_at_cpl3(void *unused)
{
	static const struct hostile list[] = {
		{"HLT", &snip_hlt},
		{"CLTS", &snip_clts},
		{"LMSW", &snip_lmsw},
		{"MOV to CR0", &snip_mov_to_cr0},
		{"MOV from CR0", &snip_mov_from_cr0},
		{"MOV to CR3", &snip_mov_to_cr3},
		{"MOV to CR4", &snip_mov_to_cr4},
		{"MOV from CR4", &snip_mov_from_cr4},
		{"MOV to CR8", &snip_mov_to_cr8},
		{"RDMSR", &snip_rdmsr},
		{"WRMSR", &snip_wrmsr},
		{"XSETBV", &snip_xsetbv},
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		u32 v = hostile_exec(3, list[i].code, 0, MSR_EFER, 0);

		check(v == VECTOR_GP, "CPL 3 %s: vector %u", list[i].name, v);
	}
}

static void cr4_bits(void *unused)
{
	u64 before = read_cr4(), allowed = cr4_allowed();

	(void)unused;
	for (u32 bit = 0; bit < 64; bit++) {
		u32 v;

		if ((allowed & BIT(bit)) || quirk_fatal_cr(4, before | BIT(bit)))
			continue;
		v = hostile_exec(0, &snip_mov_to_cr4, before | BIT(bit), 0, 0);
		check((v == VECTOR_GP && read_cr4() == before) ||
			      quirk_took_cr(4, before | BIT(bit), v),
		      "CR4 bit %u: vector %u, now %lx, was %lx", bit, v, read_cr4(), before);
		write_cr4(before);
	}
}

/* With VT-x hidden, CR4.VMXE is a reserved bit: it is among those of cr4_bits(). */
static void vmxe_hidden(void *unused)
{
	bool lamina = lamina_here(), allowed = cr4_allowed() & CR4_VMXE;

	(void)unused;
	check(!lamina || !allowed, "CPUID shows VT-x");
	if (!lamina && allowed && this_cpu()->index == 0)
		note("bare machine with VT-x: CR4.VMXE may be set");
}

static void cr0_values(void *unused)
{
	u64 before = read_cr0();
	const u64 bad[] = {
		before & ~CR0_PG,	     /* 64-bit code cannot switch paging off */
		before & ~CR0_PE,	     /* PG without PE */
		(before | CR0_NW) & ~CR0_CD, /* NW without CD */
		before | BIT(32),
		before | BIT(63),
		0,
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		u32 v;

		if (quirk_fatal_cr(0, bad[i]))
			continue;
		v = hostile_exec(0, &snip_mov_to_cr0, bad[i], 0, 0);
		check((v == VECTOR_GP && read_cr0() == before) || quirk_took_cr(0, bad[i], v),
		      "CR0 %lx: vector %u, now %lx, was %lx", bad[i], v, read_cr0(), before);
		write_cr0(before);
	}
}

static void xsetbv_values(void)
{
	u64 before = tk_xgetbv(0);
	static const struct {
		u32 index;
		u64 value;
	} bad[] = {
		{0, 0}, {0, 2}, {0, 5}, {0, BIT(63) | 1}, {0, BIT(8) | 1}, {1, 1}, {0x80000000, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		u32 v = hostile_exec(0, &snip_xsetbv, (u32)bad[i].value, bad[i].index,
				     bad[i].value >> 32);

		check(v == VECTOR_GP, "XSETBV %x := %lx: vector %u", bad[i].index, bad[i].value, v);
		check(tk_xgetbv(0) == before, "XSETBV %x := %lx: XCR0 is %lx", bad[i].index,
		      bad[i].value, tk_xgetbv(0));
	}
	check(hostile_exec(3, &snip_xsetbv, (u32)before, 0, 0) == VECTOR_GP, "CPL 3 XSETBV");
	check(hostile_exec(0, &snip_xsetbv, (u32)before, 0, 0) == VEC_DONE, "good XSETBV");
	check(hostile_exec(0, &snip_xsetbv, 3, 0, 0) == VEC_DONE, "XCR0 := 3");
	check(tk_xgetbv(0) == 3, "XCR0 is %lx, not 3", tk_xgetbv(0));
	hostile_exec(0, &snip_xsetbv, (u32)before, 0, before >> 32);
	check(tk_xgetbv(0) == before, "XCR0 is %lx, not %lx", tk_xgetbv(0), before);
	check(hostile_exec(3, &snip_xgetbv, 0, 0, 0) == VEC_DONE, "CPL 3 XGETBV");
	check(hostile_exec(0, &snip_xgetbv, 0, 5, 0) == VECTOR_GP, "XGETBV of index 5");
}

static void xsetbv_case(void *unused)
{
	u64 cr4 = read_cr4();

	(void)unused;
	if (cr4 & CR4_OSXSAVE) {
		xsetbv_values();
		write_cr4(cr4 & ~CR4_OSXSAVE);
	}
	check(hostile_exec(0, &snip_xsetbv, 1, 0, 0) == VECTOR_UD, "XSETBV without OSXSAVE");
	check(hostile_exec(0, &snip_xgetbv, 0, 0, 0) == VECTOR_UD, "XGETBV without OSXSAVE");
	write_cr4(cr4);
}

void group_hostile(void)
{
	u32 cpl0 = 0, cpl3 = 3;

	on_each_cpu(vmx_instructions, &cpl0);
	tap("VMX instructions, GETSEC and unknown hypercalls at CPL 0 are #UD");
	on_each_cpu(vmx_instructions, &cpl3);
	on_each_cpu(user_hypercalls, NULL);
	tap("VMX instructions, GETSEC and every hypercall at CPL 3 are #UD");
	on_each_cpu(cache_instructions, NULL);
	tap("INVD and WBINVD return at CPL 0 and are #GP at CPL 3");
	on_each_cpu(privileged_at_cpl3, NULL);
	tap("privileged instructions at CPL 3 are #GP");
	on_each_cpu(cr4_bits, NULL);
	on_each_cpu(vmxe_hidden, NULL);
	tap("a reserved bit of CR4 is #GP and changes nothing");
	on_each_cpu(cr0_values, NULL);
	tap("an illegal value for CR0 is #GP and changes nothing");
	on_each_cpu(xsetbv_case, NULL);
	tap("XSETBV: a bad index or value is #GP, without OSXSAVE #UD, a good one is kept");
	hostile_msrs();
	hostile_memory();
	probe_all();
	check(tried > 100, "%u instructions", tried);
	tap("after all this every CPU is where it was");
	note("hostile instructions: %u", tried);
}
