/* SPDX-License-Identifier: MIT */
/*
 * Windows XP's way of setting CR4.PSE, as a guest on all CPUs at once: paging off, CR4 read, PSE
 * set, CR4 written, paging on. With only VMXE owned nothing of it may exit; with more owned the
 * exits are answered as the model says. Every time CR4 reads 20h, is written 30h and reads 30h.
 * (L1, L2, L3, S1, S7, S20, P1, S24)
 */
#include "testkernel/cases/level1.h"
#include "testkernel/l1/l2.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/trap.h"
#include "lib/string.h"
#include "x86/cr.h"

#define ROUNDS	  300
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
	0x0f, 0x01, 0xc1,		    /* vmcall */
};

struct masks {
	const char *text;
	u64 cr0, cr4;
	u32 exits; /* due */
};

static const struct masks sets[] = {
	{"VMXE owned", 0, CR4_VMXE, 0},
	{"VMXE and CR0.PG owned", CR0_PG, CR4_VMXE, 2},
	{"all of CR0 and CR4 owned", ~0ULL, ~0ULL, 3},
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
	struct crm_insn insn = {.op = CRM_MOV_TO,
				.cr = x->qualification & 15,
				.value = g->gpr[x->qualification >> 8 & 15]};
	struct crm_result r;

	l1_model(c, &cpu);
	cpu.cr[CRM_CR0] = g->cr[CRM_CR0];
	cpu.cr[CRM_CR4] = g->cr[CRM_CR4];
	cpu.cr3 = g->cr3;
	r = crm_emulate(&cpu, &insn);
	crm_apply(&cpu, &insn, &r);
	g->cr[CRM_CR0] = cpu.cr[CRM_CR0];
	g->cr[CRM_CR4] = cpu.cr[CRM_CR4];
	if (r.effects & CRM_PDPTE)
		l2_pdptes(c, g->pdpte);
	g->rip += x->length;
}

static void one_round(struct tally *t)
{
	struct l1_case c;
	struct l2 g;
	struct l2_exit x;
	u32 exits = 0;

	l1_plain(&c, L2_PAE);
	c.op = CRM_MOV_TO;
	c.cr[CRM_CR0] = (struct crm_cr){CR0_START, CR0_START, set->cr0};
	c.cr[CRM_CR4] = (struct crm_cr){CR4_START | CR4_VMXE, CR4_START, set->cr4};
	l2_build(&c, &g);
	memcpy((void *)(uintptr_t)(l2_area(&c) + L2_CODE), code, sizeof(code));
	for (l1_run(&g, &x); x.kind == L2_CR && exits < 8; l1_run(&g, &x)) {
		emulate(&c, &g, &x);
		exits++;
	}
	t->rounds++;
	if (x.kind == L2_CALL && exits == set->exits && (u32)g.gpr[RSI] == CR4_START &&
	    (u32)g.gpr[RAX] == CR4_WRITE && crm_read(&g.cr[CRM_CR0]) == CR0_START &&
	    g.cr[CRM_CR4].hw == (CR4_WRITE | CR4_VMXE))
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
	for (u32 i = 0; i < ROUNDS; i++)
		one_round(&tallies[this_cpu()->index]);
}

void level1_xp(void)
{
	for (size_t s = 0; s < ARRAY_SIZE(sets); s++) {
		set = &sets[s];
		memset(tallies, 0, sizeof(tallies));
		for (u32 i = 1; i < cpu_count; i++)
			start_on(i, rounds, NULL);
		rounds(NULL);
		for (u32 i = 1; i < cpu_count; i++)
			finish_on(i);
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
