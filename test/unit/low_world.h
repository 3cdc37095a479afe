/* SPDX-License-Identifier: MIT */
/*
 * A real-mode machine for the code below 1 MiB: its memory, which the emulator shares with
 * boot_low.c, and its registers.
 */
#ifndef TEST_LOW_WORLD_H
#define TEST_LOW_WORLD_H

#include <unicorn/unicorn.h>
#include "unit.h"
#include "boot/boot_low.h"
#include "core/core.h"
#include "core/mp.h"
#include "core/page.h"

#define MEM_BYTES  MiB(2)
#define OLD_CS	   0xf000u
#define OLD_IP	   0xf859u
#define OLD_LINEAR (OLD_CS * 16 + OLD_IP)
#define CF	   1u

struct machine machine;

static u8 mem[MEM_BYTES] __attribute__((aligned(4096)));

void *phys_ptr(u64 pa)
{
	assert_true(pa < sizeof(mem));
	return mem + pa;
}

/* Its address is stored in the page, no more. */
void ap_main(struct pcpu *p)
{
	(void)p;
	abort();
}

enum { EAX, EBX, ECX, EDX, ESI, EDI, EBP, ESP, EFLAGS, CS, DS, ES, SS, FS, GS, REGS };

static const int uc_reg[REGS] = {
	UC_X86_REG_EAX, UC_X86_REG_EBX, UC_X86_REG_ECX, UC_X86_REG_EDX,	   UC_X86_REG_ESI,
	UC_X86_REG_EDI, UC_X86_REG_EBP, UC_X86_REG_ESP, UC_X86_REG_EFLAGS, UC_X86_REG_CS,
	UC_X86_REG_DS,	UC_X86_REG_ES,	UC_X86_REG_SS,	UC_X86_REG_FS,	   UC_X86_REG_GS,
};

struct regs {
	u32 r[REGS];
};

static uc_engine *uc;

static struct regs get_regs(void)
{
	struct regs g;

	memset(&g, 0, sizeof(g));
	for (u32 i = 0; i < REGS; i++)
		uc_reg_read(uc, uc_reg[i], &g.r[i]);
	return g;
}

static void set_regs(const struct regs *g)
{
	for (u32 i = 0; i < REGS; i++)
		assert_int_equal(uc_reg_write(uc, uc_reg[i], &g->r[i]), UC_ERR_OK);
}

/* Registers of a system that calls: all of them random, so that each change shows. */
static struct regs random_regs(u32 eax)
{
	struct regs g;

	for (u32 i = 0; i < REGS; i++)
		g.r[i] = (u32)rnd();
	g.r[EAX] = eax;
	/* CF, PF, AF, ZF, SF, IF, DF, OF at will; bit 1 is always 1 */
	g.r[EFLAGS] = (g.r[EFLAGS] & 0xed5) | 2;
	g.r[EFLAGS] &= ~0x100u; /* no single steps */
	for (u32 i = CS; i < REGS; i++)
		g.r[i] = 0x3000 + (u32)rnd_below(0x1000);
	g.r[ESP] = 0x8000 + 2 * (u32)rnd_below(0x3000);
	g.r[SS] = 0x5000;
	return g;
}

/* Firmware as we find it: its INT 15h, its memory below 1 MiB, and a free page somewhere. */
static void start(void)
{
	static const u8 answer[] = {0xb8, 0xef, 0xbe, 0xcf}; /* mov $beefh, %ax; iret */
	u32 vector = OLD_CS << 16 | OLD_IP;
	u64 page = PAGE_SIZE * (0x80 + rnd_below(0x1f));
	struct mem_map ram = {.count = 0};
	u16 kib = 640;

	for (size_t i = 0; i < sizeof(mem); i++)
		mem[i] = (u8)i;
	memset(&machine, 0, sizeof(machine));
	memcpy(mem + 0x15 * 4, &vector, 4);
	memcpy(mem + OLD_LINEAR, answer, sizeof(answer));
	memcpy(mem + 0x413, &kib, 2);
	mem_map_add(&ram, 0, page + PAGE_SIZE + rnd_below(PAGE_SIZE), E820_RAM);
	assert_true(boot_low_init(&ram) == OK);
	assert_int_equal(machine.low_base, page);
	assert_int_equal(machine.low_size, PAGE_SIZE);
	if (uc)
		uc_close(uc);
	assert_int_equal(uc_open(UC_ARCH_X86, UC_MODE_16, &uc), UC_ERR_OK);
	assert_int_equal(uc_mem_map_ptr(uc, 0, MEM_BYTES, UC_PROT_ALL, mem), UC_ERR_OK);
}

#endif
