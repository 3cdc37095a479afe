/* SPDX-License-Identifier: MIT */
/*
 * Windows XP's way of setting CR4.PSE, as a guest on all CPUs at once: paging off, CR4 read, PSE
 * set, CR4 written, paging on. With only VMXE owned nothing of it may exit; with more owned the
 * exits are answered as the model says, and on AMD-V bits are hidden by them alone. Every time CR4
 * reads 20h, is written 30h and reads 30h. (L1, L2, L3, S1, S7, S20, P1, S24, A6)
 */
#include "testkernel/cases/level1.h"
#include "testkernel/l1/l2.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/trap.h"
#include "lib/string.h"
#include "x86/cr.h"

#define ROUNDS	  300
#define CHUNK	  50 /* rounds between two looks of CPU 0, so that none seems to hang */
#define CR0_START 0x8001003bULL
#define CR4_START 0x20ULL
#define CR4_WRITE 0x30ULL

static const u8 code[] = {
	0x0f, 0x20, 0xc1,		    /* mov %cr0, %ecx */
	0x81, 0xe1, 0xff, 0xff, 0xff, 0x7f, /* and $0x7fffffff, %ecx */
	0x0f, 0x22, 0xc1,		    /* mov %ecx, %cr0 */
	0xeb, 0x00,			    /* jmp 1f; 1: */
	0x0f, 0x20, 0xe2,		    /* mov %cr4, %edx */
	0x89, 0xd6,			    /* mov %edx, %esi */
	0x83, 0xca, 0x10,		    /* or $0x10, %edx */
	0x0f, 0x22, 0xe2,		    /* mov %edx, %cr4 */
	0x81, 0xc9, 0x00, 0x00, 0x00, 0x80, /* or $0x80000000, %ecx */
	0x0f, 0x22, 0xc1,		    /* mov %ecx, %cr0 */
	0x0f, 0x20, 0xe0,		    /* mov %cr4, %eax */
};

struct masks {
	const char *text;
	u64 cr0, cr4;		    /* owned */
	u64 hidden_cr0, hidden_cr4; /* set in the real registers, and not seen */
	u32 exits;		    /* due */
};

static const struct masks vmx_sets[] = {
	{"VMXE owned", 0, CR4_VMXE, 0, CR4_VMXE, 0},
	{"VMXE and CR0.PG owned", CR0_PG, CR4_VMXE, 0, CR4_VMXE, 2},
	{"all of CR0 and CR4 owned", ~0ULL, ~0ULL, 0, CR4_VMXE, 3},
};

/* Without masks a hidden bit costs an exit at each of the two reads of CR4 too, and the one of CR0
 */
static const struct masks svm_sets[] = {
	{"nothing owned", 0, 0, 0, 0, 0},
	{"CR4.MCE hidden", 0, CR4_MCE, 0, CR4_MCE, 3},
	{"CR0.PG owned", CR0_PG, 0, 0, 0, 2},
	{"CR4.MCE hidden and CR0.PG owned", CR0_PG, CR4_MCE, 0, CR4_MCE, 5},
	{"all of CR0 and CR4 owned", ~0ULL, ~0ULL, 0, 0, 3},
	{"all of CR0 and CR4 owned, CR0.AM and CR4.MCE hidden", ~0ULL, ~0ULL, CR0_AM, CR4_MCE, 6},
};

struct tally {
	u32 rounds, wrong;
	u32 exits, end; /* of the first that was wrong */
	u64 read, after, cr4;
};

static const struct masks *set;
static struct tally tallies[MAX_CPUS];

/* What a hypervisor does with the exit. */
static void emulate(const struct l1_case *c, struct l2 *g, const struct l2_exit *x)
{
	struct crm_cpu cpu;
	struct crm_insn insn;
	struct crm_result r;
	u32 gpr, length = l1->exited(g, x, &insn, &gpr);

	l1_model(c, &cpu);
	cpu.limits[CRM_CR0].must1 |= set->hidden_cr0;
	cpu.limits[CRM_CR4].must1 |= set->hidden_cr4;
	cpu.cr[CRM_CR0] = g->cr[CRM_CR0];
	cpu.cr[CRM_CR4] = g->cr[CRM_CR4];
	cpu.cr3 = g->cr3;
	r = crm_emulate(&cpu, &insn);
	crm_apply(&cpu, &insn, &r);
	if (insn.op == CRM_MOV_FROM)
		g->gpr[gpr] = r.value;
	for (u32 i = 0; i < CRM_CRS; i++) {
		g->cr[i] = cpu.cr[i];
		g->traps[i] = crm_svm_intercepts((enum crm_name)i, &g->cr[i]);
	}
	if (r.effects & CRM_PDPTE)
		l2_pdptes(c, g->pdpte);
	g->rip += length;
}

static void one_round(struct tally *t)
{
	struct l1_case c;
	struct l2 g;
	struct l2_exit x;
	u32 exits = 0;
	u8 *at;

	l1_plain(&c, L2_PAE);
	c.op = CRM_MOV_TO;
	at = (u8 *)(uintptr_t)(l2_area(&c) + L2_CODE);
	c.cr[CRM_CR0] = (struct crm_cr){CR0_START | set->hidden_cr0, CR0_START, set->cr0};
	c.cr[CRM_CR4] = (struct crm_cr){CR4_START | set->hidden_cr4, CR4_START, set->cr4};
	l2_build(&c, &g);
	memcpy(at, code, sizeof(code));
	memcpy(at + sizeof(code), l1->call, sizeof(l1->call));
	at[sizeof(code) + sizeof(l1->call)] = 0xf4; /* HLT, as in l2_code() */
	for (l1->run(&g, &x); x.kind == L2_CR && exits < 8; l1->run(&g, &x)) {
		emulate(&c, &g, &x);
		exits++;
	}
	t->rounds++;
	if (x.kind == L2_CALL && exits == set->exits && (u32)g.gpr[RSI] == CR4_START &&
	    (u32)g.gpr[RAX] == CR4_WRITE && crm_read(&g.cr[CRM_CR0]) == CR0_START &&
	    g.cr[CRM_CR4].hw == (CR4_WRITE | set->hidden_cr4))
		return;
	if (!t->wrong++) {
		t->exits = exits;
		t->end = x.reason;
		t->read = (u32)g.gpr[RSI];
		t->after = (u32)g.gpr[RAX];
		t->cr4 = g.cr[CRM_CR4].hw;
	}
}

static void rounds(void *unused)
{
	(void)unused;
	for (u32 i = 0; i < CHUNK; i++)
		one_round(&tallies[this_cpu()->index]);
}

static void all_at_once(void)
{
	for (u32 i = 1; i < cpu_count; i++)
		start_on(i, rounds, NULL);
	rounds(NULL);
	for (u32 i = 1; i < cpu_count; i++)
		finish_on(i);
}

void level1_xp(void)
{
	const struct masks *sets = l1 == &l1_svm ? svm_sets : vmx_sets;
	size_t n = l1 == &l1_svm ? ARRAY_SIZE(svm_sets) : ARRAY_SIZE(vmx_sets);

	for (size_t s = 0; s < n; s++) {
		set = &sets[s];
		memset(tallies, 0, sizeof(tallies));
		for (u32 i = 0; i < ROUNDS / CHUNK; i++)
			all_at_once();
		for (u32 i = 0; i < cpu_count; i++) {
			struct tally *t = &tallies[i];

			check(t->rounds == ROUNDS && !t->wrong,
			      "cpu %u: %u of %u wrong; the first: %u exits, last reason %u, "
			      "read %lx, then %lx, hw %lx",
			      i, t->wrong, t->rounds, t->exits, t->end, t->read, t->after, t->cr4);
		}
		tap("xp, %s: reads 0x20, writes 0x30, %s", set->text,
		    set->exits ? "exits answered by the model" : "no exit");
	}
}
