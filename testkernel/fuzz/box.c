/* SPDX-License-Identifier: MIT */
#include "testkernel/fuzz/box.h"
#include "testkernel/cpu.h"
#include "testkernel/exec.h"
#include "testkernel/fuzz/box_desc.h"
#include "testkernel/fuzz/box_tables.h"
#include "testkernel/quirks.h"
#include "lib/string.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define LOW_ARENA(cpu)	  (0x10000 + (cpu)*2 * ARENA_SIZE)
#define LOW_ARENAS	  3u   /* each is followed by the code segment of real mode */
#define OPERAND_MAX	  512u /* QEMU lets one that begins in the arena end behind it */
#define INT3		  0xcc
#define IMAGE_END	  MiB(8)
#define RFLAGS_ARITHMETIC 0x8d5u
#define DR6_RESET	  0xffff0ff0
#define MSR_KERNEL_GS	  0xc0000102

void box_enter(struct box *b);

extern const u8 box_text[], box_text_end[], box_double_fault[];
extern const u8 box_real[], box_real_in[], box_real_out[], box_real_end[];
extern const u8 bss_end[];

struct real_regs { /* at CTL_IN and at CTL_OUT */
	u32 gpr[8];
	u16 ds, es, fs, gs, ss, vector, ip, cs, flags;
} __attribute__((packed));

/* clang-format off */
const struct box_mode_info box_modes[BOX_MODES] = {
	[BOX_LONG_K] = {"long64-0", KIND_LONG, 64, 0, PAGING_LONG, BS_CODE64, BS_DATA, BS_DATA},
	[BOX_LONG_U] = {"long64-3", KIND_LONG, 64, 3, PAGING_LONG, BS_UCODE64, BS_UDATA, BS_UDATA},
	[BOX_COMPAT32_K] = {"compat32-0", KIND_LONG, 32, 0, PAGING_LONG, BS_CODE32, BS_DATA, BS_DATA},
	[BOX_COMPAT32_U] = {"compat32-3", KIND_LONG, 32, 3, PAGING_LONG, BS_UCODE32, BS_UDATA, BS_UDATA},
	[BOX_COMPAT16_K] = {"compat16-0", KIND_LONG, 16, 0, PAGING_LONG, BS_CODE16, BS_DATA16, BS_DATA16},
	[BOX_COMPAT16_U] = {"compat16-3", KIND_LONG, 16, 3, PAGING_LONG, BS_UCODE16, BS_UDATA16, BS_UDATA16},
	[BOX_PAE32_K] = {"pae32-0", KIND_KERNEL, 32, 0, PAGING_PAE, BS_CODE32, BS_DATA, BS_DATA},
	[BOX_PAE32_U] = {"pae32-3", KIND_USER, 32, 3, PAGING_PAE, BS_UCODE32, BS_UDATA, BS_UDATA},
	[BOX_PAE16_K] = {"pae16-0", KIND_KERNEL, 16, 0, PAGING_PAE, BS_CODE16, BS_DATA16, BS_DATA16},
	[BOX_PAGED32_K] = {"paged32-0", KIND_KERNEL, 32, 0, PAGING_32, BS_CODE32, BS_DATA, BS_DATA},
	[BOX_PAGED32_U] = {"paged32-3", KIND_USER, 32, 3, PAGING_32, BS_UCODE32, BS_UDATA, BS_UDATA},
	[BOX_PAGED16_K] = {"paged16-0", KIND_KERNEL, 16, 0, PAGING_32, BS_CODE16, BS_DATA16, BS_DATA16},
	[BOX_FLAT32_K] = {"protected32-0", KIND_KERNEL, 32, 0, PAGING_NONE, BS_CODE32, BS_DATA, BS_DATA},
	[BOX_FLAT16_U] = {"protected16-3", KIND_USER, 16, 3, PAGING_NONE, BS_UCODE16, BS_UDATA16, BS_UDATA16},
	[BOX_V86] = {"virtual8086", KIND_USER, 16, 3, PAGING_32, 0, 0, 0},
	[BOX_REAL_MODE] = {"real", KIND_REAL, 16, 0, PAGING_NONE, 0, 0, 0},
};
/* clang-format on */

static struct box boxes[BOX_CPUS];
static u8 high_arenas[BOX_CPUS - LOW_ARENAS][ARENA_SIZE] __attribute__((aligned(4096)));
static u64 fresh[ARENA_SIZE / 8]; /* what an arena holds before each run */
static u8 clean_fpu[512] __attribute__((aligned(16)));

static u64 arena(void)
{
	u32 cpu = this_cpu()->index;

	return cpu < LOW_ARENAS ? LOW_ARENA(cpu) : (uintptr_t)high_arenas[cpu - LOW_ARENAS];
}

static struct box *own_box(void)
{
	return &boxes[this_cpu()->index];
}

static void real_init(u32 cpu)
{
	u8 *page = (u8 *)(uintptr_t)REAL_CTL(cpu);
	u16 segment = (u16)(REAL_CTL(cpu) >> 4);
	u32 out = CTL_CODE + (u32)(box_real_out - box_real);
	u16 in = (u16)(CTL_CODE + (box_real_in - box_real));

	for (u32 i = 0; i < VEC_COUNT; i++) {
		u16 at = (u16)(CTL_STUBS + i * 8);
		u16 rel = (u16)(out - (at + 6u));
		const u8 stub[6] = {0x68, (u8)i, 0, 0xe9, (u8)rel, (u8)(rel >> 8)};

		memcpy(page + i * 4, (const u16[]){at, segment}, 4);
		memcpy(page + at, stub, sizeof(stub));
	}
	memcpy(page + CTL_CODE, box_real, (size_t)(box_real_end - box_real));
	memcpy(page + CTL_IDTR, &(struct desc_ptr){0x3ff, REAL_CTL(cpu)}, 6);
	memcpy(page + CTL_FAR, (const u16[]){in, segment}, 4);
	memcpy(page + CTL_BOX, (const u32[]){(u32)(uintptr_t)&boxes[cpu]}, 4);
}

static void make_fresh(void)
{
	u64 x = 0x9e3779b97f4a7c15;

	for (u32 i = 0; i < ARRAY_SIZE(fresh); i++) {
		x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9;
		fresh[i] = i % 3 ? x & 0x0000ffff00007fff : x;
	}
	memset((u8 *)fresh + ARENA_CODE, INT3, 2 * PAGE_SIZE);
}

void box_init(void)
{
	u32 cpu = this_cpu()->index;
	struct box *b = own_box();

	if ((uintptr_t)bss_end > IMAGE_END)
		panic("the test kernel does not end below %lx", (u64)IMAGE_END);
	make_fresh();
	memset(b, 0, sizeof(*b));
	box_desc_init(b, arena());
	b->self = (uintptr_t)b;
	b->saved_gs = (uintptr_t)this_cpu();
	b->tss64.ist[0] = (uintptr_t)(b->ist_fault + sizeof(b->ist_fault));
	b->tss64.ist[1] = (uintptr_t)(b->ist_nmi + sizeof(b->ist_nmi));
	b->tss64.ist[2] = (uintptr_t)(b->ist_db + sizeof(b->ist_db));
	b->tss64.iomap = sizeof(b->tss64);
	box_tables_init(cpu, arena());
	box_tables_kernel(cpu, b, b + 1, true);
	box_tables_kernel(cpu, box_text, box_text_end, false);
	box_desc_map(cpu);
	for (enum box_mode m = 0; m < BOX_MODES; m++)
		if (box_modes[m].paging != PAGING_NONE)
			box_tables_user(cpu, box_modes[m].paging, false);
	if (cpu < LOW_ARENAS)
		real_init(cpu);
	box_reset();
	tk_lldt(0); /* as after each run, not as RESET has it */
	write_cr4(read_cr4() | CR4_OSFXSR);
	tk_fninit();
	tk_fxsave(clean_fpu);
}

bool box_has(enum box_mode mode)
{
	return this_cpu()->index < LOW_ARENAS || (mode != BOX_REAL_MODE && mode != BOX_V86);
}

void box_reset(void)
{
	memcpy((void *)(uintptr_t)arena(), fresh, ARENA_SIZE);
	if (this_cpu()->index < LOW_ARENAS)
		memset((void *)(uintptr_t)(arena() + ARENA_SIZE), INT3, ARENA_SIZE);
}

bool box_had_nmi(void)
{
	volatile u32 *nmi = own_box()->nmi;
	bool had = *nmi;

	*nmi = 0;
	return had;
}

void box_window(u32 n, u64 frame)
{
	box_tables_window(this_cpu()->index, n, frame);
}

u64 box_address(enum box_mode mode, u32 offset)
{
	return box_modes[mode].bits == 64 ? arena() + offset : offset;
}

/* What the CPU itself changes in the descriptors, and what differs between the modes */
static void refresh(struct box *b, const struct box_run *r)
{
	const struct box_mode_info *m = &box_modes[r->mode];
	u64 stack = (uintptr_t)(b->stack + sizeof(b->stack));
	bool wide = m->kind == KIND_LONG;

	b->gdt[BOX_TSS64 / 8] = box_descriptor((uintptr_t)&b->tss64, sizeof(b->tss64) - 1, 0x89, 0);
	b->gdt[BOX_TSS32 / 8] = box_descriptor((uintptr_t)&b->tss32, sizeof(b->tss32) - 1, 0x89, 0);
	b->gdt[BOX_TSSDF / 8] =
		box_descriptor((uintptr_t)&b->tss_df, sizeof(b->tss_df) - 1, 0x89, 0);
	b->gdt[BS_GATE / 8] = (u64)(wide ? BS_CODE64 : BS_CODE32) << 16 | 0xecULL << 40 |
			      (wide ? arena() + ARENA_CODE : 0);
	b->tss64.rsp[0] = b->tss64.ist[0];
	b->tss32 = (struct tss32){.esp0 = (u32)stack, .ss0 = BOX_DATA, .iomap = sizeof(b->tss32)};
	b->tss32.cr3 = b->tss_df.cr3 = (u32)b->cr3;
	b->tss_df.eip = (u32)(uintptr_t)box_double_fault;
	b->tss_df.eflags = RFLAGS_FIXED;
	b->tss_df.gpr[RSP] = (u32)stack;
	b->tss_df.gpr[RBX] = (u32)b->self;
	b->tss_df.cs = BOX_CODE32;
	b->tss_df.ss = b->tss_df.ds = b->tss_df.es = BOX_DATA;
}

static u8 *code_place(const struct box_run *r)
{
	return (u8 *)(uintptr_t)(arena() + ARENA_CODE +
				 (r->mode == BOX_REAL_MODE ? ARENA_SIZE : 0)) +
	       r->at;
}

static void set_target(struct box *b, const struct box_run *r)
{
	const struct box_mode_info *m = &box_modes[r->mode];
	struct box_state *in = &b->in;

	*in = r->s;
	in->rip = m->bits == 64 ? arena() + ARENA_CODE + r->at : r->at;
	in->rsp = box_address(r->mode, (u32)r->s.gpr[RSP]);
	in->cs = m->cs;
	in->ss = m->ss;
	b->kind = m->kind;
	b->cr3 = box_cr3(this_cpu()->index, m->paging);
	b->efer = m->paging == PAGING_PAE ? EFER_NXE : 0;
	if (r->mode == BOX_V86) {
		in->cs = (arena() + ARENA_CODE) >> 4;
		in->ss = in->ds = in->es = in->fs = in->gs = arena() >> 4;
		in->rflags |= RFLAGS_VM;
	} else if (r->mode == BOX_REAL_MODE) {
		in->cs = (arena() + ARENA_SIZE) >> 4;
		in->rip += ARENA_CODE;
		in->ss = in->ds = in->es = in->fs = in->gs = arena() >> 4;
	}
}

/* The frame of IRET: on the stack of the code if it is at CPL 0 in a legacy mode, as its SS stays.
 */
static void make_frame(struct box *b)
{
	struct box_state *in = &b->in;
	const u32 frame[9] = {(u32)in->rip, (u32)in->cs, (u32)in->rflags, (u32)in->rsp, (u32)in->ss,
			      (u32)in->es,  (u32)in->ds, (u32)in->fs,	  (u32)in->gs};

	memcpy(b->frame, frame, sizeof(frame));
	b->far[0] = CTL_CODE;
	b->far[1] = BOX_CTL;
	if (b->kind == KIND_KERNEL || b->kind == KIND_REAL) {
		in->rsp -= 12;
		memcpy((void *)(uintptr_t)(arena() + in->rsp), frame, 12);
	}
	if (in->rflags & RFLAGS_VM)
		in->ds = in->es = in->fs = in->gs = BOX_DATA;
}

static void real_in(const struct box_state *in)
{
	struct real_regs *regs = (void *)(uintptr_t)(REAL_CTL(this_cpu()->index) + CTL_IN);

	for (u32 i = 0; i < 8; i++)
		regs->gpr[i] = (u32)in->gpr[i];
	regs->gpr[RSP] = (u32)in->rsp;
	regs->ds = (u16)in->ds;
	regs->es = (u16)in->es;
	regs->fs = (u16)in->fs;
	regs->gs = (u16)in->gs;
	regs->ss = (u16)in->ss;
}

static void real_out(struct box_state *out)
{
	const struct real_regs *regs =
		(const void *)(uintptr_t)(REAL_CTL(this_cpu()->index) + CTL_OUT);

	for (u32 i = 0; i < 8; i++)
		out->gpr[i] = regs->gpr[i];
	out->rsp = regs->gpr[RSP];
	out->ds = regs->ds;
	out->es = regs->es;
	out->fs = regs->fs;
	out->gs = regs->gs;
	out->ss = regs->ss;
	out->vector = regs->vector;
	out->rip = regs->ip;
	out->cs = regs->cs;
	out->rflags = regs->flags;
}

/* The task switch of a double fault has left the registers in the old task's TSS. */
static void double_fault_out(const struct tss32 *t, struct box_state *out)
{
	for (u32 i = 0; i < 8; i++)
		out->gpr[i] = t->gpr[i];
	out->rsp = t->gpr[RSP];
	out->vector = VECTOR_DF;
	out->rip = t->eip;
	out->cs = t->cs;
	out->rflags = t->eflags;
	out->ss = t->ss;
	out->ds = t->ds;
	out->es = t->es;
	out->fs = t->fs;
	out->gs = t->gs;
}

/* Digests what differs from a fresh arena, and makes it fresh again. */
static u64 digest_page(u64 h, u32 offset)
{
	u64 *at = (u64 *)(uintptr_t)(arena() + offset);
	const u64 *due = fresh + offset / 8;

	for (u32 i = 0; i < PAGE_SIZE / 8; i += 4) {
		if (!((at[i] ^ due[i]) | (at[i + 1] ^ due[i + 1]) | (at[i + 2] ^ due[i + 2]) |
		      (at[i + 3] ^ due[i + 3])))
			continue;
		for (u32 k = i; k < i + 4; k++) {
			h = (h ^ at[k] ^ (u64)(offset + k) << 40) * 0x100000001b3;
			h ^= h >> 31;
			at[k] = due[k];
		}
	}
	return h;
}

/* Pages that a mode's tables do not have too: the code may switch paging off. */
static u64 digest_memory(void)
{
	u64 h = 0xcbf29ce484222325;

	for (u32 i = 0; i < ARENA_SIZE / PAGE_SIZE; i++)
		h = digest_page(h, i * PAGE_SIZE);
	return h;
}

static u64 own_xcr0(void)
{
	return read_cr4() & CR4_OSXSAVE ? tk_xgetbv(0) : 0;
}

static void before(const struct box_run *r)
{
	write_cr4(read_cr4() | CR4_OSFXSR);
	write_cr0(read_cr0() & ~CR0_TS);
	tk_fxrstor(clean_fpu);
	tk_fninit(); /* FXRSTOR leaves the pointers of the last instruction on some */
	wrmsr(MSR_KERNEL_GS, 0);
	write_dr0(r->dr[0]);
	write_dr1(r->dr[1]);
	write_dr2(r->dr[2]);
	write_dr3(r->dr[3]);
	write_dr6(DR6_RESET);
	write_cr2(0);
}

static void after(u64 efer, u64 xcr0, struct box_result *out)
{
	struct cpu *c = this_cpu();
	u64 tss = TK_TSS / 8;

	c->gdt[tss] &= ~(2ULL << 40); /* busy */
	ltr(TK_TSS);
	tk_lldt(0);
	out->cr8 = tk_read_cr8();
	tk_write_cr8(0);
	out->efer = rdmsr(MSR_EFER);
	if (out->efer != efer)
		wrmsr(MSR_EFER, efer);
	out->xcr0 = own_xcr0();
	if (out->xcr0 != xcr0)
		exec_acd(0, &snip_xsetbv, (u32)xcr0, 0, xcr0 >> 32);
	tk_read_drs(out->dr);
}

/* The flags that the platform does not get right, and their copy in the frame on the stack of the
 * code: RF, and those of arithmetic at what a memory operand raises */
static void forget_flags(u8 kind, struct box_state *out)
{
	u64 at = (out->rsp - 4) & (ARENA_SIZE - 1);
	bool fault =
		out->vector == VECTOR_DF || (out->vector >= VECTOR_SS && out->vector <= VECTOR_PF);
	bool lazy = fault && quirk_here(TCG_LAZY_FLAGS);
	u32 wrong = (u32)RFLAGS_RF | (lazy ? RFLAGS_ARITHMETIC : 0);

	out->rflags &= ~(u64)wrong;
	if (kind == KIND_KERNEL && out->vector != VECTOR_DF && at <= ARENA_SIZE - 4)
		*(u32 *)(uintptr_t)(arena() + at) &= ~wrong;
}

void box_run(const struct box_run *r, struct box_result *out)
{
	const struct box_mode_info *m = &box_modes[r->mode];
	struct box *b = own_box();
	u64 efer = rdmsr(MSR_EFER), xcr0 = own_xcr0();

	memcpy(code_place(r), r->code, r->size);
	if (m->paging != PAGING_NONE)
		box_tables_user(this_cpu()->index, m->paging, m->cpl == 3);
	set_target(b, r);
	refresh(b, r);
	make_frame(b);
	if (m->kind == KIND_REAL)
		real_in(&b->in);
	memset(&b->out, 0, sizeof(b->out));
	b->out.vector = VECTOR_DF; /* the task of a double fault leaves it */
	before(r);
	box_enter(b);
	after(efer, xcr0, out);
	if (m->kind == KIND_REAL)
		real_out(&b->out);
	else if (m->kind != KIND_LONG && b->out.vector == VECTOR_DF)
		double_fault_out(&b->tss32, &b->out);
	if (quirk_here(TCG_NO_RF))
		forget_flags(m->kind, &b->out);
	b->out.ds &= 0xffff; /* of what a push stored, the upper half is not defined */
	out->s = b->out;
	out->s.gpr[RSP] = out->s.rsp;
	if (r->mode == BOX_REAL_MODE) {
		memset(code_place(r), INT3, r->size);
		memset((void *)(uintptr_t)(arena() + ARENA_SIZE), INT3, OPERAND_MAX);
	}
	out->memory = digest_memory();
	if (quirk_here(TCG_NO_RF) && m->kind == KIND_KERNEL && out->s.vector == VECTOR_DF)
		out->memory = 0; /* with the frame of the first exception in it */
}
