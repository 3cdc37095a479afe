/* SPDX-License-Identifier: MIT */
/*
 * Stands in for x86/insn.h on the host: the privileged instructions act on struct fake_cpu, so that
 * the hypervisor's own files run in a test as they are.
 */
#ifndef X86_INSN_H
#define X86_INSN_H

#include "hv/types.h"
#include "x86/cpuid.h"

#define FAKE_MSRS  64
#define FAKE_PORTS 64

struct fake_msr {
	u32 number;
	u64 value;
	u64 writable; /* a write that changes other bits raises #GP */
};

struct fake_port {
	u16 port;
	u8 size;
	bool in;
	u32 value; /* read or written */
};

struct fake_cpu {
	void *gs;
	u64 cr[5], dr[8], tsc;
	struct cpuid leaf_1, leaf_8[16]; /* 1; from 80000000h */
	u64 vmcs[0x7000];		 /* by encoding */
	struct fake_msr msr[FAKE_MSRS];
	u32 msr_count;
	struct fake_port port[FAKE_PORTS]; /* what was done, in order; the next IN gives port_in */
	u32 port_count;
	u32 port_in;
	u32 wbinvds;
	u64 vmsaved;
	u32 stgis;
	bool xsetbv_ok;
	u64 xcr0;
};

/* The CPU that runs. */
extern struct fake_cpu *fake_cpu;
/* Called by HLT and by PAUSE; NULL: nothing happens. */
extern void (*fake_halted)(void), (*fake_paused)(void);

/* The MSR's entry, made when it is missing. */
struct fake_msr *fake_msr(u32 number, u64 value, u64 writable);

struct cpuid cpuid(u32 leaf, u32 subleaf);
u64 rdmsr(u32 msr);
void wrmsr(u32 msr, u64 v);
bool rdmsr_safe(u32 msr, u64 *v);
bool wrmsr_safe(u32 msr, u64 v);
bool xsetbv_safe(u32 xcr, u64 v);
u64 rdtsc(void);
void rdtsc_halves(u32 *low, u32 *high);
u64 read_cr0(void);
void write_cr0(u64 v);
u64 read_cr2(void);
void write_cr2(u64 v);
u64 read_cr3(void);
u64 read_cr4(void);
void write_cr4(u64 v);
void write_dr0(u64 v);
void write_dr1(u64 v);
void write_dr2(u64 v);
void write_dr3(u64 v);
void write_dr6(u64 v);
void outb(u16 port, u8 v);
void outw(u16 port, u16 v);
void outl(u16 port, u32 v);
u8 inb(u16 port);
u16 inw(u16 port);
u32 inl(u16 port);
void cpu_pause(void);
void cpu_halt(void);
void wbinvd(void);
void *gs_self(void);
u64 vmread(u32 field);
bool vmread_safe(u32 field, u64 *v);
void vmwrite(u32 field, u64 v);
/* The tables that a CPU loads: nothing to see here. */
struct desc_ptr {
	u16 limit;
	u64 base;
};
void lgdt(const struct desc_ptr *p);
void lidt(const struct desc_ptr *p);
void ltr(u16 sel);
void vmsave(u64 vmcb);
void stgi(void);
void invept(u64 type, u64 eptp);
void invvpid(u64 type, u16 vpid, u64 linear);

#endif
