/* SPDX-License-Identifier: MIT */
/* All ways to an address: without paging, by each kind of it, as each memory type, as code, as a
 * page table, as what an event's delivery reads. */
#include "testkernel/cases/attack.h"
#include "testkernel/legacy.h"
#include "testkernel/page.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "lib/string.h"

#define OFFSET 0x40u /* of what is written, in a page */
#define OPS    30u
#define LOADS  8u /* operations from this one on may be loads and stores */

/* Operations of 32-bit code, behind those that lead to that paging. */
static u32 lead(struct op *ops, u64 cr3, u64 cr4, bool paging)
{
	u32 n = 0, cr0 = (u32)read_cr0();

	ops[n++] = (struct op){.kind = OP_WRITE_CR0, .value = cr0 & ~(u32)CR0_PG};
	ops[n++] = (struct op){.kind = OP_WRITE_EFER,
			       .value = (u32)rdmsr(MSR_EFER) & ~(u32)(EFER_LME | EFER_LMA)};
	ops[n++] = (struct op){.kind = OP_WRITE_CR4, .value = (u32)cr4};
	if (paging) {
		ops[n++] = (struct op){.kind = OP_WRITE_CR3, .value = (u32)cr3};
		ops[n++] = (struct op){.kind = OP_WRITE_CR0, .value = cr0};
	}
	return n;
}

static void by_32_bits(const char *how, u64 cr3, u64 cr4, bool paging)
{
	struct op ops[OPS];
	u32 n = lead(ops, cr3, cr4, paging), first = n;

	for (u32 i = 0; i < ATTACK_SPOTS; i++) {
		u32 at = (u32)attack.spot[i];

		ops[n++] = (struct op){.kind = OP_LOAD, .value = at};
		ops[n++] = (struct op){.kind = OP_STORE, .value = at + OFFSET};
		ops[n++] = (struct op){.kind = OP_LOAD, .value = at + OFFSET};
	}
	ops[n] = (struct op){.kind = OP_END};
	legacy_run(ops);
	for (u32 i = 0; i < n; i++)
		check(!ops[i].vector, "%s: operation %u: vector %u", how, i, ops[i].vector);
	for (u32 i = first; i < n; i += 3)
		check(ops[i].result == ~0u && !ops[i + 2].result, "%s: %x is %x, and then %x", how,
		      ops[i].value, ops[i].result, ops[i + 2].result);
	attack_fill();
}

static void paging_kinds(void *unused)
{
	(void)unused;
	by_32_bits("no paging", 0, 0, false);
	by_32_bits("32-bit paging", legacy_pd(), CR4_PSE, true);
	by_32_bits("PAE paging", (uintptr_t)legacy_pdpt(), CR4_PAE, true);
}

/* All eight entries of the PAT. */
static void memory_types(void *unused)
{
	(void)unused;
	for (u32 type = 0; type < 8; type++)
		for (u32 i = 0; i < ATTACK_SPOTS; i++) {
			u64 flags = (type & 1 ? PTE_PWT : 0) | (type & 2 ? PTE_PCD : 0) |
				    (type & 4 ? PTE_PAT : 0);
			u64 at = window_map(2, attack.spot[i], flags | PTE_W | PTE_P);
			struct exec e = {.f.gpr = {[RAX] = type, [RDI] = at + OFFSET}};

			attack_reads_ones(at, "memory type");
			check(exec(&e, 0, &snip_store32) == VEC_DONE, "type %u: vector %u", type,
			      (u32)e.f.vector);
			check(*(volatile u32 *)(uintptr_t)(at + OFFSET) == type,
			      "type %u: %x is read", type,
			      *(volatile u32 *)(uintptr_t)(at + OFFSET));
			e.f.gpr[RAX] = ~0ULL;
			exec(&e, 0, &snip_store32);
			window_map(2, 0, 0);
		}
}

/* FFFFh is an undefined instruction. */
static void as_code(void *unused)
{
	(void)unused;
	for (u32 i = 0; i < ATTACK_SPOTS; i++)
		for (u32 cpl = 0; cpl <= 3; cpl += 3) {
			u64 at = attack.spot[i] + (cpl ? USER_BASE : 0);
			u64 code = (uintptr_t)this_cpu()->code + (cpl ? USER_BASE : 0);
			struct exec e = {.f.gpr[RSI] = at};

			if (cpl && attack.spot[i] + PAGE_SIZE > PAGE_1G)
				continue;
			check(exec(&e, cpl, &snip_jump) == VECTOR_UD && e.f.rip + code == at,
			      "CPL %u, code at %lx: vector %u at %lx", cpl, at, (u32)e.f.vector,
			      e.f.rip + code);
		}
}

/* #PF for a reserved bit in an entry that is present (Intel SDM vol. 3A, 4.7) */
static void faults_reserved(const struct snippet *s, u64 at, u32 write)
{
	const u32 present = 1, reserved = 8;
	struct exec e = {.f.gpr = {[RSI] = at, [RDI] = at}};

	exec(&e, 0, s);
	check(e.f.vector == VECTOR_PF && e.cr2 == at &&
		      (e.f.error == (reserved | write | present) ||
		       quirk_took(TCG_RESERVED_ABSENT, e.f.error == (reserved | write))),
	      "vector %u, error %lx, CR2 %lx", (u32)e.f.vector, e.f.error, e.cr2);
}

/* An entry of all ones has reserved bits set. */
static void as_page_table(void *unused)
{
	const u32 write = 2;

	(void)unused;
	for (u32 i = 0; i < ATTACK_SPOTS; i++) {
		u64 at = window_table(attack.spot[i]) + i * PAGE_SIZE;

		faults_reserved(&snip_load64, at, 0);
		faults_reserved(&snip_store32, at, write);
	}
	window_table(0);
}

/* Accessed and dirty bits go to a table that the guest has made of Lamina's memory itself. */
static void as_a_table_of_ours(void *unused)
{
	u64 page = (uintptr_t)this_cpu()->data, mark = 0x1234567812345678, got[2] = {0, 0};
	volatile u64 *entry = (volatile u64 *)(uintptr_t)(attack.spot[1] + 8);
	volatile u64 *word = (volatile u64 *)(uintptr_t)page;

	(void)unused;
	*word = mark;
	*entry = page | PTE_W | PTE_P;
	for (u32 i = 0; i < 2; i++) {
		u64 at = window_table(attack.spot[1]) + PAGE_SIZE;
		struct exec e = {.f.gpr = {[RSI] = at, [RDI] = at, [RAX] = i}};

		exec(&e, 0, i ? &snip_store8 : &snip_load64);
		check(e.f.vector == VEC_DONE, "vector %u", (u32)e.f.vector);
		got[i] = *entry;
	}
	window_table(0);
	check(*word == (mark & ~0xffULL) + 1, "the word is %lx", *word);
	check(got[0] == (page | PTE_A | PTE_W | PTE_P), "entry, once read: %lx", got[0]);
	check(got[1] == (page | PTE_D | PTE_A | PTE_W | PTE_P), "entry, once written: %lx", got[1]);
	attack_fill();
}

/* Gates of vectors from 40h on in Lamina's memory: all ones is no good gate, and what says so is
 * the gate of #GP, in the page before. */
static void as_idt(void *unused)
{
	const u32 below = 0x40 * sizeof(struct gate);
	struct gate *table = (struct gate *)(uintptr_t)(attack.t.base - below);
	static u8 saved[0x40 * sizeof(struct gate)];

	(void)unused;
	memcpy(saved, table, below);
	memcpy(table, idt, below);
	for (u32 cpl = 0; cpl <= 3; cpl += 3) {
		struct exec e = {0};

		idt_load(table);
		exec(&e, cpl, &snip_nops); /* and INT 80h */
		idt_load(idt);
		check(e.f.vector == VECTOR_GP && e.f.rip == 3,
		      "CPL %u: vector %u, error %lx at +%lu", cpl, (u32)e.f.vector, e.f.error,
		      e.f.rip);
	}
	memcpy(table, saved, below);
}

#define VIDEO_MEMORY 0xb8000u

/* Page tables in a device's memory, that of text mode. */
static void video_table(void *unused)
{
	volatile u64 *table = (volatile u64 *)(uintptr_t)VIDEO_MEMORY;
	u64 page = (uintptr_t)this_cpu()->data, saved = table[1];
	u64 made = page | PTE_W | PTE_P | (quirk_took(TCG_WALK_HANGS, true) ? PTE_A | PTE_D : 0);
	struct exec e = {0};

	(void)unused;
	table[1] = made;
	check(table[1] == made, "video memory keeps %lx", table[1]);
	*(volatile u64 *)(uintptr_t)page = 0x5555;
	e.f.gpr[RSI] = window_table(VIDEO_MEMORY) + PAGE_SIZE;
	exec(&e, 0, &snip_load64);
	check(e.f.vector == VEC_DONE && e.f.gpr[RAX] == 0x5555, "load: vector %u, %lx",
	      (u32)e.f.vector, e.f.gpr[RAX]);
	e = (struct exec){.f.gpr = {[RAX] = 0x66, [RDI] = window_table(VIDEO_MEMORY) + PAGE_SIZE}};
	exec(&e, 0, &snip_store8);
	check(e.f.vector == VEC_DONE && *(volatile u64 *)(uintptr_t)page == 0x5566,
	      "store: vector %u, %lx", (u32)e.f.vector, *(volatile u64 *)(uintptr_t)page);
	window_table(0);
	check(table[1] == (made | PTE_A | PTE_D), "the entry is %lx", table[1]);
	table[1] = saved;
}

void attack_ways(void)
{
	on_each_cpu(paging_kinds, NULL);
	tap("Lamina's memory without paging, by 32-bit and by PAE paging: FFh, or what was written");
	on_each_cpu(memory_types, NULL);
	tap("the same as each of the eight memory types");
	on_each_cpu(as_code, NULL);
	tap("executing Lamina's memory is #UD at its first byte");
	on_each_cpu(as_page_table, NULL);
	tap("a page table in Lamina's memory is #PF for its reserved bits");
	on_each_cpu(as_a_table_of_ours, NULL);
	tap("one that the guest has written there works, with its accessed and dirty bits");
	on_each_cpu(as_idt, NULL);
	tap("gates of the IDT in Lamina's memory are #GP");
	on_each_cpu(video_table, NULL);
	tap("a page table in video memory works");
}
