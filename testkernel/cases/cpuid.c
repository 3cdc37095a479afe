/* SPDX-License-Identifier: MIT */
/*
 * CPUID. Every leaf is printed without the bits in which a guest may rightly differ from the bare
 * machine, so that comparing two runs compares all leaves.
 */
#include "testkernel/bits.h"
#include "testkernel/exec.h"
#include "testkernel/groups.h"
#include "testkernel/lamina.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "x86/cr.h"
#include "lib/string.h"

#define MAX_SUBLEAF 8

static struct cpuid at[MAX_CPUS]; /* one leaf as each CPU gives it */
static u32 leaf, subleaf;

/* Clears what differs from CPU to CPU, and what Lamina hides or adds. */
static struct cpuid comparable(struct cpuid c)
{
	if (leaf == 1) {
		c.ebx &= 0x00ffffff; /* APIC ID */
		c.ecx &= ~(CPUID_1_ECX_VMX | CPUID_1_ECX_SMX | CPUID_1_ECX_HYPERVISOR);
	} else if (leaf == 7 && subleaf == 0) {
		c.ebx &= ~(CPUID_7_EBX_SGX | CPUID_7_EBX_PT);
		c.ecx &= ~(CPUID_7_ECX_WAITPKG | CPUID_7_ECX_KL | CPUID_7_ECX_ENQCMD);
	} else if (leaf == 0xb) {
		c.edx = 0; /* x2APIC ID */
	} else if (leaf == 0x80000001) {
		c.ecx &= ~(CPUID_80000001_ECX_SVM | CPUID_80000001_ECX_SKINIT);
	} else if (leaf == 0x8000000a) {
		c = (struct cpuid){0}; /* AMD-V */
	} else if (leaf == 0x8000001e) {
		c = (struct cpuid){0}; /* APIC ID, core and node */
	}
	return c;
}

static void read_leaf(void *unused)
{
	(void)unused;
	at[this_cpu()->index] = comparable(cpuid(leaf, subleaf));
}

static void one_leaf(void)
{
	struct cpuid *c = at;

	on_each_cpu(read_leaf, NULL);
	for (u32 i = 0; i < cpu_count; i++)
		check(!memcmp(&at[i], c, sizeof(*c)), "leaf %x.%x of cpu %u: %x %x %x %x", leaf,
		      subleaf, i, at[i].eax, at[i].ebx, at[i].ecx, at[i].edx);
	tap("leaf %08x.%x is %08x %08x %08x %08x on all", leaf, subleaf, c->eax, c->ebx, c->ecx,
	    c->edx);
}

static bool has_subleaves(void)
{
	return leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd;
}

static void leaves(u32 first)
{
	u32 last = cpuid(first, 0).eax;

	check(last >= first && last < first + 0x100, "last leaf of %x: %x", first, last);
	tap("the last leaf from %x is %x", first, last);
	for (leaf = first; leaf <= last; leaf++)
		for (subleaf = 0; subleaf < (has_subleaves() ? MAX_SUBLEAF : 1); subleaf++)
			one_leaf();
}

static void identity(void *unused)
{
	u32 id = this_cpu()->apic_id;

	(void)unused;
	check(cpuid(1, 0).ebx >> 24 == id, "leaf 1: APIC ID %u, not %u", cpuid(1, 0).ebx >> 24, id);
	if (cpuid(0, 0).eax >= 0xb && cpuid(0xb, 0).ebx)
		check(cpuid(0xb, 0).edx == id, "leaf B: APIC ID %u, not %u", cpuid(0xb, 0).edx, id);
}

static void mirrors(void *unused)
{
	u64 cr4 = read_cr4();

	(void)unused;
	for (u32 turn = 0; turn < 4 && cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE; turn++) {
		u64 want = turn & 1 ? CR4_OSXSAVE : 0;

		write_cr4((cr4 & ~CR4_OSXSAVE) | want);
		check(!(cpuid(1, 0).ecx & CPUID_1_ECX_OSXSAVE) == !want, "CR4 %lx, leaf 1 ECX %x",
		      read_cr4(), cpuid(1, 0).ecx);
	}
	for (u32 turn = 0; turn < 4 && cpuid(7, 0).ecx & CPUID_7_ECX_PKU; turn++) {
		u64 want = turn & 1 ? CR4_PKE : 0;

		write_cr4((cr4 & ~CR4_PKE) | want);
		check(!(cpuid(7, 0).ecx & CPUID_7_ECX_OSPKE) == !want, "CR4 %lx, leaf 7 ECX %x",
		      read_cr4(), cpuid(7, 0).ecx);
	}
	write_cr4(cr4);
	check(read_cr4() == cr4, "CR4 is %lx, not %lx", read_cr4(), cr4);
}

/* At CPL 3 CPUID gives the same, and the upper halves of the registers are cleared. */
static void user(void *unused)
{
	struct cpuid c = cpuid(0, 0);
	struct exec e = {.f.gpr = {[RAX] = 0xabcd00000000, [RBX] = ~0ULL, [RDX] = ~0ULL}};
	u32 v = exec(&e, 3, &snip_cpuid);

	(void)unused;
	check(v == VEC_DONE && e.f.rip == 4, "vector %u at +%u", v, (u32)e.f.rip);
	check(e.f.gpr[RAX] == c.eax && e.f.gpr[RBX] == c.ebx && e.f.gpr[RCX] == c.ecx &&
		      e.f.gpr[RDX] == c.edx,
	      "%lx %lx %lx %lx", e.f.gpr[RAX], e.f.gpr[RBX], e.f.gpr[RCX], e.f.gpr[RDX]);
}

/* Intel's processors show SYSCALL in 64-bit mode only. A bare platform may show it always. */
static void compatibility(void *unused)
{
	struct exec e = {.f.gpr = {[RAX] = 0x80000001, [RSI] = TK_CODE32}};
	u32 v = exec(&e, 0, &snip_cpuid_in_cs), edx = cpuid(0x80000001, 0).edx;
	bool shown = e.f.gpr[RDX] & CPUID_80000001_EDX_SYSCALL;

	(void)unused;
	check(v == VEC_DONE && e.f.cs == TK_CODE32, "vector %u in CS %lx", v, e.f.cs);
	check(!((edx ^ e.f.gpr[RDX]) & ~CPUID_80000001_EDX_SYSCALL), "EDX %lx, in 64-bit mode %x",
	      e.f.gpr[RDX], edx);
	check(shown == lamina_amd() || !lamina_here(), "EDX %lx", e.f.gpr[RDX]);
	if (shown != lamina_amd())
		note("cpu %u: the platform shows SYSCALL outside 64-bit mode", this_cpu()->index);
}

static bool shows_svm(void)
{
	struct cpuid a = cpuid(0x8000000a, 0);

	return (cpuid(0x80000001, 0).ecx & (CPUID_80000001_ECX_SVM | CPUID_80000001_ECX_SKINIT)) ||
	       (lamina_amd() && (a.eax | a.ebx | a.ecx | a.edx));
}

static void hidden(void *unused)
{
	bool lamina = lamina_here();
	struct cpuid c = cpuid(1, 0), hv = cpuid(CPUID_HV_BASE, 0);
	char name[13] = "";

	(void)unused;
	check(!lamina || !(c.ecx & (CPUID_1_ECX_VMX | CPUID_1_ECX_SMX)), "leaf 1 ECX %x", c.ecx);
	check(!lamina || !shows_svm(), "CPUID shows AMD-V");
	if (!(c.ecx & CPUID_1_ECX_HYPERVISOR))
		return;
	memcpy(name, &hv.ebx, 4);
	memcpy(name + 4, &hv.ecx, 4);
	memcpy(name + 8, &hv.edx, 4);
	/* with cpuid=native the platform's name, if it has one, is left as it is */
	check(!lamina || !strncmp(name, "Lamina", 6) || !strcmp(name, "TCGTCGTCGTCG"),
	      "leaf 40000000h says '%s'", name);
	if (this_cpu()->index == 0)
		note("hypervisor leaf: '%s', last leaf %x", name, hv.eax);
}

void group_cpuid(void)
{
	on_each_cpu(hidden, NULL);
	tap("Lamina hides VT-x, SMX and AMD-V and gives its own name only");
	on_each_cpu(mirrors, NULL);
	tap("OSXSAVE and OSPKE follow CR4");
	on_each_cpu(user, NULL);
	tap("CPUID works at CPL 3 and clears the upper halves");
	on_each_cpu(compatibility, NULL);
	tap("outside 64-bit mode leaf 80000001 differs in SYSCALL at most, as the vendor has it");
	on_each_cpu(identity, NULL);
	tap("the APIC IDs of leaves 1 and B are the CPU's own");
	leaves(0);
	leaves(0x80000000);
}
