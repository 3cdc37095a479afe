/* SPDX-License-Identifier: MIT */
#include "hv/gmem.h"

#include "core/core.h"
#include "core/page.h"
#include "core/slat_tables.h"
#include "lib/string.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "x86/seg.h"

/* Memory that can be read without side effects: RAM, and the firmware's below 1 MiB. */
static bool is_memory(u64 gpa, u64 n)
{
	const u64 vga = 0xa0000, roms = 0xc0000;

	if (gpa + n <= vga || (gpa >= roms && gpa + n <= MiB(1)))
		return true;
	return mem_map_is_ram(&machine.boot.map, gpa, n);
}

/* A hypapp keeps the guest out altogether, so nothing that Lamina does for it may go there. */
static bool is_closed(u64 gpa, u64 n)
{
	return slat_closes && (slat_refused_in(align_down(gpa, PAGE_SIZE)) == RWX ||
			       slat_refused_in(align_down(gpa + n - 1, PAGE_SIZE)) == RWX);
}

bool gmem_read_phys(u64 gpa, void *out, size_t n)
{
	const void *p = phys_map(gpa, n);

	if (!p || is_ours(gpa, n) || !is_memory(gpa, n) || is_closed(gpa, n))
		return false;
	memcpy(out, p, n);
	return true;
}

bool gmem_write_phys(u64 gpa, const void *in, size_t n)
{
	if (!phys_map(gpa, n) || is_ours(gpa, n) || !is_memory(gpa, n) || is_closed(gpa, n) ||
	    align_down(gpa, PAGE_SIZE) == machine.low_base)
		return false;
	memcpy(phys_ptr(gpa), in, n);
	return true;
}

static bool walk_32(u64 cr3, u64 cr4, u64 linear, u64 *gpa)
{
	u32 pde, pte;

	if (!gmem_read_phys((cr3 & 0xfffff000) + (linear >> 22 & 1023) * 4, &pde, 4) ||
	    !(pde & PTE_P))
		return false;
	if ((pde & PTE_PS) && (cr4 & CR4_PSE)) {
		/* PSE-36: bits 20:13 are address bits 39:32 */
		*gpa = ((u64)(pde & 0xffc00000) | (u64)(pde >> 13 & 0xff) << 32) |
		       (linear & 0x3fffff);
		return true;
	}
	if (!gmem_read_phys((pde & 0xfffff000) + (linear >> 12 & 1023) * 4, &pte, 4) ||
	    !(pte & PTE_P))
		return false;
	*gpa = (pte & 0xfffff000) | (linear & 0xfff);
	return true;
}

/* What a walk read, to see later whether it would be the same. */
struct trail {
	u32 count;
	const u64 *entry[5];
	u64 was[5];
};

/* Tables of 512 entries, from `level` down; `table` is the entry or root that points to the first.
 */
static bool walk_64(u64 table, u32 level, u64 linear, u64 *gpa, struct trail *t)
{
	t->count = 0;
	for (; level; level--) {
		u32 shift = 12 + 9 * (level - 1);
		u64 at = (table & PTE_ADDR) + (linear >> shift & 511) * 8, e;

		if (!gmem_read_phys(at, &e, 8) || !(e & PTE_P))
			return false;
		t->entry[t->count] = phys_map(at, 8);
		t->was[t->count++] = e;
		if (level == 1 || (level <= 3 && (e & PTE_PS))) {
			u64 mask = BIT(shift) - 1;

			*gpa = (e & PTE_ADDR & ~mask) | (linear & mask);
			return true;
		}
		table = e;
	}
	return false;
}

static bool walk(struct vcpu *v, u64 linear, u64 *gpa, struct trail *t)
{
	u64 cr4 = backend->state_get(v, REG_CR4); /* as the CPU itself walks */
	u64 cr3 = backend->state_get(v, REG_CR3);

	if (!(backend->state_get(v, REG_CR0) & CR0_PG)) {
		*gpa = (u32)linear;
		return true;
	}
	if (!(cr4 & CR4_PAE))
		return walk_32(cr3, cr4, (u32)linear, gpa);
	if (!(backend->state_get(v, REG_EFER) & EFER_LMA)) {
		u64 pdpte = backend->state_get(v, REG_PDPTE0 + (linear >> 30 & 3));

		return (pdpte & PTE_P) && walk_64(pdpte, 2, (u32)linear, gpa, t);
	}
	return walk_64(cr3, cr4 & CR4_LA57 ? 5 : 4, linear, gpa, t);
}

bool gmem_walk(struct vcpu *v, u64 linear, u64 *gpa)
{
	struct trail t;

	return walk(v, linear, gpa, &t);
}

enum insn_mode gmem_code_mode(struct vcpu *v)
{
	u64 ar = backend->state_get(v, REG_SEG(SEG_CS, SEG_AR));

	if ((ar & SEG_AR_L) && (backend->state_get(v, REG_EFER) & EFER_LMA))
		return INSN_64;
	return ar & SEG_AR_DB ? INSN_32 : INSN_16;
}

/* How many of n bytes at a guest-linear address lie in its page, and where; 0: nowhere. */
static size_t chunk_at(struct vcpu *v, u64 linear, size_t n, u64 *gpa)
{
	size_t chunk = PAGE_SIZE - linear % PAGE_SIZE;

	return gmem_walk(v, linear, gpa) ? (chunk < n ? chunk : n) : 0;
}

size_t gmem_read(struct vcpu *v, u64 linear, void *out, size_t n)
{
	size_t done = 0, chunk;
	u64 gpa;

	for (; done < n; done += chunk) {
		chunk = chunk_at(v, linear + done, n - done, &gpa);
		if (!chunk || !gmem_read_phys(gpa, (u8 *)out + done, chunk))
			break;
	}
	return done;
}

size_t gmem_write(struct vcpu *v, u64 linear, const void *in, size_t n)
{
	size_t done = 0, chunk;
	u64 gpa;

	for (; done < n; done += chunk) {
		chunk = chunk_at(v, linear + done, n - done, &gpa);
		if (!chunk || !gmem_write_phys(gpa, (const u8 *)in + done, chunk))
			break;
	}
	return done;
}

size_t gmem_fetch(struct vcpu *v, u64 rip, enum insn_mode mode, u8 *out, size_t n)
{
	u64 linear = rip + backend->state_get(v, REG_SEG(SEG_CS, SEG_BASE));

	return gmem_read(v, mode == INSN_64 ? linear : (u32)linear, out, n);
}

/*
 * The last instruction of 64-bit code that a CPU decoded, with all that it depends on: systems
 * write to their local APIC from one place again and again. While that is the same, so is the
 * instruction.
 */
static struct memo {
	const u8 *code; /* NULL: nothing is known */
	u64 linear, cr3, cr4;
	struct trail trail;
	u8 bytes[INSN_MAX_BYTES];
	struct insn insn;
	int length;
} memos[MAX_CPUS];

static bool memo_holds(const struct memo *m, u64 linear, u64 cr3, u64 cr4)
{
	if (!m->code || m->linear != linear || m->cr3 != cr3 || m->cr4 != cr4)
		return false;
	for (u32 i = 0; i < m->trail.count; i++)
		if (*m->trail.entry[i] != m->trail.was[i])
			return false;
	return !memcmp(m->code, m->bytes, sizeof(m->bytes));
}

static bool memo_fill(struct vcpu *v, struct memo *m, u64 linear, u64 cr3, u64 cr4)
{
	u64 gpa;

	*m = (struct memo){.linear = linear, .cr3 = cr3, .cr4 = cr4};
	if (PAGE_SIZE - linear % PAGE_SIZE < sizeof(m->bytes) ||
	    !walk(v, linear, &gpa, &m->trail) || !gmem_read_phys(gpa, m->bytes, sizeof(m->bytes)))
		return false;
	m->code = phys_map(gpa, sizeof(m->bytes));
	m->length = insn_decode(m->bytes, sizeof(m->bytes), INSN_64, &m->insn);
	return true;
}

__attribute__((noinline)) u32 gmem_insn(struct vcpu *v, u64 rip, struct insn *i)
{
	struct memo *m = &memos[v->index];
	enum insn_mode mode = gmem_code_mode(v);
	u64 linear = rip + backend->state_get(v, REG_SEG(SEG_CS, SEG_BASE));
	u64 cr3 = backend->state_get(v, REG_CR3), cr4 = backend->state_get(v, REG_CR4);
	u8 bytes[INSN_MAX_BYTES];
	int length;

	if (mode == INSN_64 &&
	    (memo_holds(m, linear, cr3, cr4) || memo_fill(v, m, linear, cr3, cr4))) {
		*i = m->insn;
		length = m->length;
	} else {
		length =
			insn_decode(bytes, gmem_fetch(v, rip, mode, bytes, sizeof(bytes)), mode, i);
	}
	return length > 0 ? (u32)length : 0;
}

u64 gmem_next_rip(struct vcpu *v, const struct exit *x)
{
	u64 rip = x->rip + x->length;

	return rip >> 32 && !(x->rip >> 32) && gmem_code_mode(v) != INSN_64 ? (u32)rip : rip;
}

static u64 gpr(struct vcpu *v, u8 number)
{
	if (number == INSN_NO_REG)
		return 0;
	return number == GPR_RSP ? backend->state_get(v, REG_RSP) : v->gpr[number];
}

u64 gmem_operand(struct vcpu *v, const struct insn *i)
{
	const struct insn_mem *m = &i->mem;
	bool code64 = gmem_code_mode(v) == INSN_64;
	u64 base =
		m->base == INSN_RIP ? backend->state_get(v, REG_RIP) + i->length : gpr(v, m->base);
	u64 offset = base + gpr(v, m->index) * m->scale + (u64)m->disp;

	offset &= i->addr_size == 8 ? ~0ULL : BIT(i->addr_size * 8) - 1;
	if (!code64 || m->seg >= INSN_FS) /* the others have base 0 there */
		offset += backend->state_get(v, REG_SEG(m->seg, SEG_BASE));
	return code64 ? offset : (u32)offset;
}
