/* SPDX-License-Identifier: MIT */
#include "testkernel/trap.h"
#include "testkernel/console.h"
#include "testkernel/cpu.h"
#include "testkernel/exec.h"
#include "testkernel/lapic.h"
#include "testkernel/power.h"
#include "lib/string.h"

extern const u8 trap_gates[]; /* VEC_COUNT pieces of GATE_SIZE bytes */
extern void exec_leave(void);

#define GATE_SIZE     16
#define TYPE_GATE     0x8e /* present, 64-bit interrupt gate */
#define TYPE_GATE_CPL 0x60 /* CPL 3 may use it by INT */

struct gate idt[VEC_COUNT];

static u8 ist_of(u32 vector)
{
	if (vector == VECTOR_NMI)
		return IST_NMI;
	if (vector == VECTOR_DF)
		return IST_DF;
	return vector < VECTOR_COUNT || vector == VEC_DONE || vector == VEC_SOFT ? IST_FAULT : 0;
}

void idt_build(void)
{
	for (u32 i = 0; i < VEC_COUNT; i++) {
		u64 entry = (uintptr_t)trap_gates + i * GATE_SIZE;
		struct gate *g = &idt[i];

		g->offset0 = (u16)entry;
		g->offset16 = (u16)(entry >> 16);
		g->offset32 = (u32)(entry >> 32);
		g->selector = TK_CODE64;
		g->ist = ist_of(i);
		g->type = TYPE_GATE;
		if (i == VECTOR_BP || i == VECTOR_OF || i == VEC_DONE || i == VEC_SOFT)
			g->type |= TYPE_GATE_CPL;
	}
}

void idt_load_part(const struct gate *table, u32 gates)
{
	struct desc_ptr p = {.limit = (u16)(gates * sizeof(*table) - 1), .base = (uintptr_t)table};

	lidt(&p);
}

void idt_load(const struct gate *table)
{
	idt_load_part(table, VEC_COUNT);
}

void trap_hook(u8 vector, trap_fn fn)
{
	this_cpu()->irq_hook[vector] = fn;
}

static void print_frame(const struct trap_frame *f)
{
	static const char names[16][4] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					  "r8",	 "r9",	"r10", "r11", "r12", "r13", "r14", "r15"};

	print("# cpu %u: vector %u, error code %x\n", this_cpu()->index, (u32)f->vector,
	      (u32)f->error);
	print("# cs:rip %04x:%016lx rflags %08x ss:rsp %04x:%016lx\n", (u32)f->cs, f->rip,
	      (u32)f->rflags, (u32)f->ss, f->rsp);
	for (u32 i = 0; i < 16; i += 4)
		print("# %-3s %016lx %-3s %016lx %-3s %016lx %-3s %016lx\n", names[i], f->gpr[i],
		      names[i + 1], f->gpr[i + 1], names[i + 2], f->gpr[i + 2], names[i + 3],
		      f->gpr[i + 3]);
	print("# cr0 %lx cr2 %lx cr3 %lx cr4 %lx\n", read_cr0(), read_cr2(), read_cr3(),
	      read_cr4());
}

/* Writes the end of the snippet down and makes exec_leave the place to return to. */
static void end_snippet(struct cpu *c, struct trap_frame *f)
{
	struct exec *e = c->exec;

	c->exec = NULL;
	memcpy(&e->f, f, sizeof(*f));
	e->f.gpr[RSP] = f->rsp;
	e->cr2 = read_cr2();
	e->dr6 = tk_read_dr6();
	f->rip = (uintptr_t)exec_leave;
	f->cs = TK_CODE64;
	f->rflags = RFLAGS_FIXED;
	f->rsp = c->exec_rsp;
	f->ss = TK_DATA;
}

static bool ends_snippet(const struct cpu *c, const struct trap_frame *f)
{
	if (!c->exec || f->vector == VECTOR_NMI)
		return false;
	if (c->exec->ends_at_irq && !(f->vector == VEC_WAKE))
		return true;
	return f->vector < VECTOR_COUNT || f->vector == VEC_DONE || f->vector == VEC_SOFT;
}

void trap(struct trap_frame *f)
{
	struct cpu *c = this_cpu();
	u8 v = (u8)f->vector;
	trap_fn hook = c->irq_hook[v];
	bool irq = v >= VECTOR_COUNT && v != VEC_DONE && v != VEC_SOFT && v != VEC_SPUR;

	c->irq_count[v]++;
	c->irq_rip[v] = f->rip;
	if (hook)
		hook(f);
	if (irq)
		lapic_eoi();
	if (ends_snippet(c, f)) {
		end_snippet(c, f);
	} else if (!hook && v < VECTOR_COUNT && v != VECTOR_NMI) {
		print_frame(f);
		panic("unexpected exception %u on cpu %u", v, c->index);
	}
}

void panic(const char *f, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, f);
	fmt_va(text, sizeof(text), f, ap);
	va_end(ap);
	print("Bail out! %s\n", text);
	power_off();
}
