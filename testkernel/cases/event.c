/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and their delivery: vector, error code and the RIP they push, also where delivering
 * one raises the next (Intel SDM vol. 3A, 6.5, 6.13 and table 6-5).
 */
#include "testkernel/exec.h"
#include "testkernel/groups.h"
#include "testkernel/page.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/event.h"
#include "lib/string.h"

#define ERROR_IN_IDT	       2
#define ERROR_IDT(vector, ext) ((vector) << 3 | ERROR_IN_IDT | (ext))

/* QEMU shifts the vector of a 64-bit gate by four, and knows no EXT. */
static u64 tcg_error(u64 error)
{
	return (error >> 3) << 4 | ERROR_IN_IDT;
}

static struct gate copies[MAX_CPUS][2 * VEC_COUNT] __attribute__((aligned(4096)));

static void expect_trap(struct exec *e, u32 cpl, const struct snippet *s, u32 vector, u64 error,
			u64 rip, const char *what)
{
	exec(e, cpl, s);
	check(e->f.vector == vector && e->f.rip == rip &&
		      (e->f.error == error ||
		       quirk_took(TCG_IDT_ERROR_CODE,
				  (error & ERROR_IN_IDT) && e->f.error == tcg_error(error))),
	      "CPL %u %s: vector %u error %lx at +%lu, not vector %u error %lx at +%lu", cpl, what,
	      (u32)e->f.vector, e->f.error, e->f.rip, vector, error, rip);
}

static void int1(u32 cpl)
{
	struct exec e = {0};
	u32 v = exec(&e, cpl, &snip_icebp);

	check((v == VECTOR_DB && e.f.rip == 1) ||
		      quirk_took(TCG_NO_INT1, v == VECTOR_UD && e.f.rip == 0),
	      "CPL %u INT1: vector %u at +%lu", cpl, v, e.f.rip);
}

static void software(void *unused)
{
	struct exec e = {0};

	(void)unused;
	for (u32 cpl = 0; cpl <= 3; cpl += 3) {
		expect_trap(&e, cpl, &snip_int3, VECTOR_BP, 0, 1, "INT3");
		expect_trap(&e, cpl, &snip_int_soft, VEC_SOFT, 0, 2, "INT 81h");
		int1(cpl);
		expect_trap(&e, cpl, &snip_ud2, VECTOR_UD, 0, 0, "UD2");
	}
	expect_trap(&e, 3, &snip_int20, VECTOR_GP, ERROR_IDT(0x20, 0), 0, "INT 20h with DPL 0");
	e = (struct exec){.f.gpr[RAX] = 1};
	expect_trap(&e, 0, &snip_div, VECTOR_DE, 0, 0, "DIV by 0");
	expect_trap(&e, 3, &snip_div, VECTOR_DE, 0, 0, "DIV by 0");
}

/* The IDT with two gates absent. */
static struct gate *idt_without(u32 a, u32 b)
{
	struct gate *t = copies[this_cpu()->index];

	memcpy(t, idt, VEC_COUNT * sizeof(*t));
	t[a].type &= 0x7f;
	t[b].type &= 0x7f;
	return t;
}

static void absent_gates(void *unused)
{
	struct exec e = {0};

	(void)unused;
	idt_load(idt_without(VECTOR_UD, VECTOR_UD));
	expect_trap(&e, 0, &snip_ud2, VECTOR_NP, ERROR_IDT(VECTOR_UD, 1), 0, "#UD without a gate");
	expect_trap(&e, 3, &snip_ud2, VECTOR_NP, ERROR_IDT(VECTOR_UD, 1), 0, "#UD without a gate");
	idt_load(idt_without(VECTOR_BP, VECTOR_BP));
	expect_trap(&e, 3, &snip_int3, VECTOR_NP, ERROR_IDT(VECTOR_BP, 0), 0,
		    "INT3 without a gate");
	idt_load(idt_without(VEC_SOFT, VEC_SOFT));
	expect_trap(&e, 3, &snip_int_soft, VECTOR_NP, ERROR_IDT(VEC_SOFT, 0), 0,
		    "INT 81h without a gate");
	idt_load(idt_without(VECTOR_GP, VECTOR_GP));
	expect_trap(&e, 3, &snip_hlt, VECTOR_DF, 0, 0, "#GP without a gate");
	idt_load(idt_without(VECTOR_UD, VECTOR_NP));
	expect_trap(&e, 3, &snip_ud2, VECTOR_DF, 0, 0, "#UD and #NP without gates");
	idt_load(idt);
}

/* An IDT whose last gate is that of #GP. */
static void short_idt(void *unused)
{
	struct exec e = {.f.gpr[RSI] = window_map(2 + 2 * this_cpu()->index, 0, 0)};

	(void)unused;
	idt_load_part(idt, VECTOR_GP + 1);
	expect_trap(&e, 3, &snip_int_soft, VECTOR_GP, ERROR_IDT(VEC_SOFT, 0), 0,
		    "INT 81h beyond the IDT");
	expect_trap(&e, 0, &snip_load64, VECTOR_DF, 0, 0, "#PF beyond the IDT");
	idt_load(idt);
}

/* An IDT over two pages of the window, of which one is absent: gates 0 to `first` - 1 are on the
 * first. */
static u64 split_idt(u32 first, bool first_present, bool second_present)
{
	u32 slot = 2 + 2 * this_cpu()->index;
	u8 *frame = (u8 *)copies[this_cpu()->index];
	u64 offset = PAGE_SIZE - first * sizeof(struct gate);
	u64 va = window_map(slot, (uintptr_t)frame, first_present ? PTE_P | PTE_W : 0);

	window_map(slot + 1, (uintptr_t)frame + PAGE_SIZE, second_present ? PTE_P | PTE_W : 0);
	memcpy(frame + offset, idt, sizeof(idt));
	idt_load((struct gate *)(va + offset));
	return va + offset;
}

static void absent_idt_pages(void *unused)
{
	struct exec e = {0};
	u64 at = split_idt(7, false, true);

	(void)unused;
	expect_trap(&e, 3, &snip_ud2, VECTOR_PF, 0, 0, "#UD with its gate's page absent");
	check(e.cr2 == at + VECTOR_UD * sizeof(struct gate), "CR2 %lx, IDT at %lx", e.cr2, at);
	at = split_idt(10, true, false);
	expect_trap(&e, 3, &snip_hlt, VECTOR_DF, 0, 0, "#GP and #PF with their gates' page absent");
	check(e.cr2 == at + VECTOR_PF * sizeof(struct gate), "CR2 %lx, IDT at %lx", e.cr2, at);
	idt_load(idt);
	e = (struct exec){0};
	expect_trap(&e, 3, &snip_cpuid, VEC_DONE, 0, 4, "CPUID with the old IDT");
}

/* CPL 0 pushes a frame on a stack that is not there: the fault of the push, on a stack that is. */
static void absent_stack(void *unused)
{
	u32 slot = 2 + 2 * this_cpu()->index;
	struct gate *t = copies[this_cpu()->index];
	u64 top = window_map(slot, 0, 0) + 256;
	struct exec e = {.f.gpr[RSP] = top};

	(void)unused;
	memcpy(t, idt, sizeof(idt));
	t[VECTOR_UD].ist = 0;
	idt_load(t);
	expect_trap(&e, 0, &snip_ud2, VECTOR_PF, 2, 0, "#UD on an absent stack");
	check(e.cr2 < top && e.cr2 >= top - 48, "CR2 %lx, RSP %lx", e.cr2, top);
	t[VECTOR_PF].ist = 0;
	e = (struct exec){.f.gpr[RSP] = top};
	expect_trap(&e, 0, &snip_ud2, VECTOR_DF, 0, 0, "#UD and #PF on an absent stack");
	idt_load(idt);
}

static void page_faults(void *unused)
{
	u64 va = window_map(2 + 2 * this_cpu()->index, 0, 0);
	struct exec e = {.f.gpr[RSI] = va + 8};

	(void)unused;
	expect_trap(&e, 0, &snip_load64, VECTOR_PF, 0, 0, "read of an absent page");
	check(e.cr2 == va + 8, "CR2 %lx", e.cr2);
	e = (struct exec){.f.gpr[RDI] = va + 16};
	expect_trap(&e, 0, &snip_store8, VECTOR_PF, 2, 0, "write to an absent page");
	check(e.cr2 == va + 16, "CR2 %lx", e.cr2);
	e = (struct exec){.f.gpr[RSI] = (uintptr_t)this_cpu()->data};
	expect_trap(&e, 3, &snip_load64, VECTOR_PF, 5, 0, "read of a page of CPL 0");
	e = (struct exec){.f.gpr[RSI] = 1ULL << 47};
	expect_trap(&e, 0, &snip_load64, VECTOR_GP, 0, 0, "read of a non-canonical address");
}

void group_event(void)
{
	on_each_cpu(software, NULL);
	tap("INT3, INT n, INT1, UD2 and DIV: vector, error code and RIP at CPL 0 and 3");
	on_each_cpu(page_faults, NULL);
	tap("page faults: error code and CR2");
	on_each_cpu(absent_gates, NULL);
	tap("absent gates: #NP with the right error code, #DF for two");
	on_each_cpu(short_idt, NULL);
	tap("a gate beyond the IDT's limit: #GP, #DF for a #PF");
	on_each_cpu(absent_idt_pages, NULL);
	tap("absent pages of the IDT: #PF with CR2 at the gate, #DF for two");
	on_each_cpu(absent_stack, NULL);
	tap("an absent stack: #PF, #DF if that cannot be delivered either");
	event_debug();
	event_shadow();
	event_stack();
	probe_all();
	tap("after all this every CPU is where it was");
}
