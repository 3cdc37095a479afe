/* SPDX-License-Identifier: MIT */
/* Instructions of VT-x, AMD-V and SMX; hypercalls, hidden memory and the local APIC. */
#include "testkernel/fuzz/gen.h"
#include "testkernel/cpu.h"
#include "testkernel/lapic.h"
#include "testkernel/quirks.h"
#include "hv/hypercall.h"

/* What is #UD without virtualization: with a register or without, or with a memory operand */
bool gen_virt(struct gen *g)
{
	static const u32 bare[] = {0xc1010f, 0xc2010f, 0xc3010f, 0xc4010f, 0xd4010f,
				   0xd8010f, 0xd9010f, 0xda010f, 0xdb010f, 0xdc010f,
				   0xdd010f, 0xde010f, 0xdf010f};
	static const u32 memory[] = {0xc70f, 0xc70f66, 0xc70ff3};

	gen_prefixes(g);
	switch (gen_below(g, 5)) {
	case 0:
		gen_byte(g, 0x0f);
		gen_byte(g, gen_once_in(g, 2) ? 0x78 : 0x79); /* VMREAD VMWRITE */
		gen_operand(g, gen_below(g, 8));
		return true;
	case 1:
		gen_bytes(g, 0x80380f66 | gen_below(g, 2) << 24, 4); /* INVEPT INVVPID */
		g->c->code[g->n - 1] = (u8)(0x80 | (g->c->code[g->n - 1] & 1));
		gen_memory(g, gen_below(g, 8));
		return true;
	case 2: {
		u32 op = memory[gen_below(g, ARRAY_SIZE(memory))];

		gen_bytes(g, op, op >> 16 ? 3 : 2); /* VMPTRLD VMCLEAR VMXON, VMPTRST */
		gen_memory(g, 6 + gen_below(g, 2));
		return true;
	}
	case 3: gen_bytes(g, 0x370f, 2); return true; /* GETSEC */
	default: gen_bytes(g, bare[gen_below(g, ARRAY_SIZE(bare))], 3); return true;
	}
}

/* HC_LOG is left out, as what it asks for is output without end; so is HC_VERDICT, which believes
 * what it is told of a value read. */
static bool hypercall(struct gen *g)
{
	static const u16 numbers[] = {0, 1, 2, 3, 4, 7, 7, 7, 0x10, 0x11};
	u32 number = numbers[gen_below(g, ARRAY_SIZE(numbers))];

	if (gen_once_in(g, 8))
		number = 0x12 + gen_below(g, 0xfee);
	gen_load(g, RAX, HC_MAGIC | number);
	gen_load(g, RCX, gen_once_in(g, 2) ? gen_below(g, 16) : gen_value(g));
	gen_load(g, RBX, gen_once_in(g, 2) ? gen_below(g, 4) : gen_value(g));
	gen_load(g, RDX, gen_once_in(g, 2) ? gen_pointer(g) : gen_value(g));
	if (gen_once_in(g, 2))
		gen_load(g, RSI, gen_below(g, 80));
	gen_bytes(g, g->amd == !gen_once_in(g, 8) ? 0xd9010f : 0xc1010f, 3);
	return true;
}

/* By the segments that have it as base, but in 64-bit code, where gen_pointer finds it. */
static bool hidden_memory(struct gen *g)
{
	u32 at = gen_below(g, WINDOW_PAGES) * PAGE_SIZE;

	at += gen_once_in(g, 2) ? gen_below(g, PAGE_SIZE) : 0xff0 + gen_below(g, 16);
	if (g->mode->paging == PAGING_NONE || g->c->run.mode == BOX_V86)
		return false;
	gen_load(g, RBX, g->mode->bits == 64 ? ARENA_HIDDEN + at : at);
	if (g->mode->bits != 64)
		gen_byte(g, gen_once_in(g, 2) ? 0x64 : 0x26);
	if (g->mode->bits == 64 && g->mode->cpl == 3 && gen_once_in(g, 8)) {
		gen_bytes(g, 0xe3ff, 2); /* JMP RBX */
		return true;
	}
	gen_byte(g, (u8[]){0x88, 0x89, 0x8a, 0x8b, 0x87, 0x01, 0x31, 0xff}[gen_below(g, 8)]);
	gen_byte(g, g->c->code[g->n - 1] == 0xff
			    ? 0x07 | 6 << 3
			    : (u8)(gen_below(g, 4) << 3 | (g->mode->bits == 16 ? 7 : 3)));
	return true;
}

/* What would switch it off, or send what starts or stops a CPU, is left out. */
static bool local_apic(struct gen *g)
{
	static const u16 writable[] = {APIC_TPR, APIC_EOI, APIC_ESR, APIC_LDR, APIC_ID,
				       0x340,	 0x350,	   0x360,    0x370,    0x3e0,
				       0x100,	 0x0,	   0x30,     0x390};
	bool write = gen_once_in(g, 2);
	u32 at = write ? writable[gen_below(g, ARRAY_SIZE(writable))] : gen_below(g, PAGE_SIZE);
	bool any_size = !quirk_here(BOCHS_APIC_PANICS);

	if (g->mode->bits != 64 || this_cpu()->x2apic)
		return false;
	g->c->lapic = true;
	g->last = !any_size; /* RBX is left with the address */
	if (!any_size)
		at &= ~15u;
	gen_load(g, RBX, LAPIC_PAGE + at + (any_size && gen_once_in(g, 4) ? gen_below(g, 4) : 0));
	gen_load(g, RAX, gen_value(g) & 0xf00ff);
	if (write) {
		if (any_size && gen_once_in(g, 4))
			gen_byte(g, gen_once_in(g, 2) ? 0x66 : 0x48);
		gen_byte(g, (u8[]){0x89, 0x87, 0x09, 0x21, 0x31, 0x01,
				   0x88}[gen_below(g, any_size ? 7 : 6)]);
	} else {
		gen_byte(g, gen_once_in(g, 2) ? 0x8a : 0x8b);
	}
	gen_byte(g, 0x03);
	return true;
}

static bool time_stamp(struct gen *g)
{
	gen_bytes(g, gen_once_in(g, 2) ? 0x90310f : 0xf9010f, 3);
	return true;
}

bool gen_hostile(struct gen *g)
{
	static bool (*const kinds[])(struct gen *) = {hypercall,     hypercall,	 hidden_memory,
						      hidden_memory, local_apic, time_stamp};

	return kinds[gen_below(g, ARRAY_SIZE(kinds))](g);
}
