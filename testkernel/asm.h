/* SPDX-License-Identifier: MIT */
/*
 * The instructions that x86/insn.h leaves out because the hypervisor has no use for them. CPL 0.
 * The prefix keeps them apart from whatever insn.h takes up one day.
 */
#ifndef TESTKERNEL_ASM_H
#define TESTKERNEL_ASM_H

#include "hv/types.h"
#include "x86/insn.h"

static inline u64 tk_read_cr8(void)
{
	u64 v;

	__asm__ volatile("mov %%cr8, %0" : "=r"(v) : : "memory");
	return v;
}

static inline void tk_write_cr8(u64 v)
{
	__asm__ volatile("mov %0, %%cr8" : : "r"(v) : "memory");
}

static inline u64 tk_read_dr0(void)
{
	u64 v;

	__asm__ volatile("mov %%dr0, %0" : "=r"(v));
	return v;
}

static inline u64 tk_read_dr6(void)
{
	u64 v;

	__asm__ volatile("mov %%dr6, %0" : "=r"(v));
	return v;
}

static inline u64 tk_read_dr7(void)
{
	u64 v;

	__asm__ volatile("mov %%dr7, %0" : "=r"(v));
	return v;
}

static inline void tk_write_dr7(u64 v)
{
	__asm__ volatile("mov %0, %%dr7" : : "r"(v));
}

static inline void tk_cli(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void tk_sti(void)
{
	__asm__ volatile("sti" : : : "memory");
}

/* Enables interrupts and halts; no interrupt can come between the two instructions. */
static inline void tk_sti_hlt(void)
{
	__asm__ volatile("sti; hlt" : : : "memory");
}

static inline void tk_invlpg(u64 va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline u64 tk_xgetbv(u32 index)
{
	u32 lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(index));
	return lo | (u64)hi << 32;
}

static inline void tk_fninit(void)
{
	__asm__ volatile("fninit");
}

/* 512 bytes, at a multiple of 16 */
static inline void tk_fxsave(void *to)
{
	__asm__ volatile("fxsave64 (%0)" : : "r"(to) : "memory");
}

static inline void tk_fxrstor(const void *from)
{
	__asm__ volatile("fxrstor64 (%0)" : : "r"(from) : "memory");
}

static inline void tk_read_drs(u64 dr[4])
{
	__asm__ volatile("mov %%dr0, %0; mov %%dr1, %1" : "=r"(dr[0]), "=r"(dr[1]));
	__asm__ volatile("mov %%dr2, %0; mov %%dr3, %1" : "=r"(dr[2]), "=r"(dr[3]));
}

static inline void tk_lldt(u16 selector)
{
	__asm__ volatile("lldt %0" : : "r"(selector));
}

#endif
