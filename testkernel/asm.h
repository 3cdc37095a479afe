/* SPDX-License-Identifier: MIT */
/* The instructions that x86/insn.h leaves out because the hypervisor has no use for them. CPL 0. */
#ifndef TESTKERNEL_ASM_H
#define TESTKERNEL_ASM_H

#include "hv/types.h"
#include "x86/insn.h"

static inline u64 read_cr8(void)
{
	u64 v;

	__asm__ volatile("mov %%cr8, %0" : "=r"(v) : : "memory");
	return v;
}

static inline void write_cr8(u64 v)
{
	__asm__ volatile("mov %0, %%cr8" : : "r"(v) : "memory");
}

static inline u64 read_dr6(void)
{
	u64 v;

	__asm__ volatile("mov %%dr6, %0" : "=r"(v));
	return v;
}

static inline void write_dr6(u64 v)
{
	__asm__ volatile("mov %0, %%dr6" : : "r"(v));
}

static inline void write_dr7(u64 v)
{
	__asm__ volatile("mov %0, %%dr7" : : "r"(v));
}

static inline void write_dr0(u64 v)
{
	__asm__ volatile("mov %0, %%dr0" : : "r"(v));
}

static inline void cpu_cli(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void cpu_sti(void)
{
	__asm__ volatile("sti" : : : "memory");
}

/* Enables interrupts and halts; no interrupt can come between the two instructions. */
static inline void cpu_sti_hlt(void)
{
	__asm__ volatile("sti; hlt" : : : "memory");
}

static inline void invlpg(u64 va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline u64 xgetbv(u32 index)
{
	u32 lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(index));
	return lo | (u64)hi << 32;
}

static inline void xsetbv(u32 index, u64 v)
{
	__asm__ volatile("xsetbv" : : "c"(index), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

#endif
