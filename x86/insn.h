/* SPDX-License-Identifier: MIT */
/*
 * The instructions C has no word for: the only inline assembly of the hypervisor. CPL 0 only.
 * The *_safe forms return false where the instruction raised #GP and leave nothing changed: their
 * faults are caught by the exception table (core/trap.c).
 */
#ifndef X86_INSN_H
#define X86_INSN_H

#include "hv/types.h"
#include "x86/cpuid.h"

static inline struct cpuid cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid c;

	__asm__ volatile("cpuid"
			 : "=a"(c.eax), "=b"(c.ebx), "=c"(c.ecx), "=d"(c.edx)
			 : "a"(leaf), "c"(subleaf));
	return c;
}

/* The same into 64-bit registers, whose upper halves CPUID clears. */
static inline void cpuid64(u64 *a, u64 *b, u64 *c, u64 *d)
{
	__asm__ volatile("cpuid" : "+a"(*a), "=b"(*b), "+c"(*c), "=d"(*d));
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 v)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

/* An instruction whose #GP jumps to label 2 with `ok` still 0. */
#define INSN_SAFE(insn)                      \
	"1: " insn "\n movl $1, %[ok]\n2:\n" \
	".pushsection .ex_table, \"a\"\n .quad 1b, 2b\n .popsection\n"

static inline bool rdmsr_safe(u32 msr, u64 *v)
{
	u32 lo = 0, hi = 0, ok = 0;

	__asm__ volatile(INSN_SAFE("rdmsr") : "+a"(lo), "+d"(hi), [ok] "+r"(ok) : "c"(msr));
	*v = (u64)hi << 32 | lo;
	return ok;
}

/* ECX says where EDX:EAX goes. */
#define SAFE_WRITER(insn)                                                        \
	static inline bool insn##_safe(u32 number, u64 v)                        \
	{                                                                        \
		u32 ok = 0;                                                      \
		__asm__ volatile(INSN_SAFE(#insn)                                \
				 : [ok] "+r"(ok)                                 \
				 : "c"(number), "a"((u32)v), "d"((u32)(v >> 32)) \
				 : "memory");                                    \
		return ok;                                                       \
	}
SAFE_WRITER(wrmsr)
SAFE_WRITER(xsetbv)

static inline void rdtsc_halves(u32 *low, u32 *high)
{
	__asm__ volatile("rdtsc" : "=a"(*low), "=d"(*high));
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	rdtsc_halves(&lo, &hi);
	return (u64)hi << 32 | lo;
}

#define CR_ACCESSORS(n)                                                     \
	static inline u64 read_cr##n(void)                                  \
	{                                                                   \
		u64 v;                                                      \
                                                                            \
		__asm__ volatile("mov %%cr" #n ", %0" : "=r"(v)::"memory"); \
		return v;                                                   \
	}                                                                   \
                                                                            \
	static inline void write_cr##n(u64 v)                               \
	{                                                                   \
		__asm__ volatile("mov %0, %%cr" #n ::"r"(v) : "memory");    \
	}
CR_ACCESSORS(0)
CR_ACCESSORS(2)
CR_ACCESSORS(3)
CR_ACCESSORS(4)

#define DR_WRITER(n)                                          \
	static inline void write_dr##n(u64 v)                 \
	{                                                     \
		__asm__ volatile("mov %0, %%dr" #n ::"r"(v)); \
	}
DR_WRITER(0)
DR_WRITER(1)
DR_WRITER(2)
DR_WRITER(3)
DR_WRITER(6)

static inline u64 read_dr6(void)
{
	u64 v;

	__asm__ volatile("mov %%dr6, %0" : "=r"(v));
	return v;
}

#define PORT_ACCESSORS(suffix, type)                                             \
	static inline void out##suffix(u16 port, type v)                         \
	{                                                                        \
		__asm__ volatile("out" #suffix " %0, %1" ::"a"(v), "Nd"(port));  \
	}                                                                        \
	static inline type in##suffix(u16 port)                                  \
	{                                                                        \
		type v;                                                          \
		__asm__ volatile("in" #suffix " %1, %0" : "=a"(v) : "Nd"(port)); \
		return v;                                                        \
	}
PORT_ACCESSORS(b, u8)
PORT_ACCESSORS(w, u16)
PORT_ACCESSORS(l, u32)

struct desc_ptr {
	u16 limit;
	u64 base;
} __attribute__((packed));

static inline void lgdt(const struct desc_ptr *p)
{
	__asm__ volatile("lgdt %0" ::"m"(*p));
}

static inline void lidt(const struct desc_ptr *p)
{
	__asm__ volatile("lidt %0" ::"m"(*p));
}

static inline void ltr(u16 sel)
{
	__asm__ volatile("ltr %0" ::"r"(sel));
}

static inline void cpu_pause(void)
{
	__asm__ volatile("pause" ::: "memory");
}

static inline void cpu_halt(void)
{
	__asm__ volatile("hlt" ::: "memory");
}

static inline void wbinvd(void)
{
	__asm__ volatile("wbinvd" ::: "memory");
}

/* The per-CPU pointer that GS base holds while Lamina runs. */
static inline void *gs_self(void)
{
	void *p;

	__asm__("movq %%gs:0, %0" : "=r"(p));
	return p;
}

/* --- VT-x (Intel SDM vol. 3C, chapter 31). True: VMsucceed. --- */

#define VMX_REGION_INSN(insn)                                                           \
	static inline bool insn(hpa_t region)                                           \
	{                                                                               \
		bool ok;                                                                \
		__asm__ volatile(#insn " %1" : "=@cca"(ok) : "m"(region.v) : "memory"); \
		return ok;                                                              \
	}
VMX_REGION_INSN(vmxon)
VMX_REGION_INSN(vmclear)
VMX_REGION_INSN(vmptrld)

static inline void vmxoff(void)
{
	__asm__ volatile("vmxoff" ::: "cc", "memory");
}

static inline u64 vmread(u32 field)
{
	u64 v;

	__asm__ volatile("vmread %1, %0" : "=r"(v) : "r"((u64)field) : "cc");
	return v;
}

static inline bool vmread_safe(u32 field, u64 *v)
{
	bool ok;

	__asm__ volatile("vmread %2, %1" : "=@cca"(ok), "=r"(*v) : "r"((u64)field) : "cc");
	return ok;
}

static inline void vmwrite(u32 field, u64 v)
{
	__asm__ volatile("vmwrite %1, %0" ::"r"((u64)field), "rm"(v) : "cc");
}

static inline void invept(u64 type, u64 eptp)
{
	const u64 descriptor[2] = {eptp, 0};

	__asm__ volatile("invept %0, %1" ::"m"(descriptor), "r"(type) : "cc", "memory");
}

static inline void invvpid(u64 type, u16 vpid, u64 linear)
{
	const u64 descriptor[2] = {vpid, linear};

	__asm__ volatile("invvpid %0, %1" ::"m"(descriptor), "r"(type) : "cc", "memory");
}

/* AMD-V: GIF becomes 1: what waits for it comes. */
static inline void stgi(void)
{
	__asm__ volatile("stgi" ::: "memory");
}

/* AMD-V: store FS, GS, TR, LDTR and the system call MSRs at this physical address. */
static inline void vmsave(u64 vmcb)
{
	__asm__ volatile("vmsave %%rax" ::"a"(vmcb) : "memory");
}

#endif
