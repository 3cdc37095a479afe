/* SPDX-License-Identifier: MIT */
#include "x86/insn.h"

#include <stdio.h>
#include <stdlib.h>

static struct fake_cpu first_cpu;
struct fake_cpu *fake_cpu = &first_cpu;
void (*fake_halted)(void), (*fake_paused)(void);

/* What would be an exception in root mode, where nobody expects one. */
static void impossible(const char *what, u64 number)
{
	fprintf(stderr, "%s %llx\n", what, (unsigned long long)number);
	abort();
}

static struct fake_msr *find(u32 number)
{
	for (u32 i = 0; i < fake_cpu->msr_count; i++)
		if (fake_cpu->msr[i].number == number)
			return &fake_cpu->msr[i];
	return NULL;
}

struct fake_msr *fake_msr(u32 number, u64 value, u64 writable)
{
	struct fake_msr *m = find(number);

	if (!m) {
		if (fake_cpu->msr_count == FAKE_MSRS)
			impossible("too many MSRs, at", number);
		m = &fake_cpu->msr[fake_cpu->msr_count++];
	}
	*m = (struct fake_msr){number, value, writable};
	return m;
}

struct cpuid cpuid(u32 leaf, u32 subleaf)
{
	(void)subleaf;
	if (leaf - 0x80000000 < ARRAY_SIZE(fake_cpu->leaf_8))
		return fake_cpu->leaf_8[leaf - 0x80000000];
	return leaf == 1 ? fake_cpu->leaf_1 : (struct cpuid){0, 0, 0, 0};
}

bool rdmsr_safe(u32 msr, u64 *v)
{
	const struct fake_msr *m = find(msr);

	*v = m ? m->value : 0;
	return m;
}

bool wrmsr_safe(u32 msr, u64 v)
{
	struct fake_msr *m = find(msr);

	if (!m || ((m->value ^ v) & ~m->writable))
		return false;
	m->value = v;
	return true;
}

u64 rdmsr(u32 msr)
{
	u64 v;

	if (!rdmsr_safe(msr, &v))
		impossible("#GP on RDMSR", msr);
	return v;
}

void wrmsr(u32 msr, u64 v)
{
	if (!wrmsr_safe(msr, v))
		impossible("#GP on WRMSR", msr);
}

bool xsetbv_safe(u32 xcr, u64 v)
{
	if (xcr == 0 && fake_cpu->xsetbv_ok)
		fake_cpu->xcr0 = v;
	return xcr == 0 && fake_cpu->xsetbv_ok;
}

u64 rdtsc(void)
{
	return fake_cpu->tsc++;
}

void rdtsc_halves(u32 *low, u32 *high)
{
	u64 t = rdtsc();

	*low = (u32)t;
	*high = (u32)(t >> 32);
}

u64 read_cr0(void)
{
	return fake_cpu->cr[0];
}

void write_cr0(u64 v)
{
	fake_cpu->cr[0] = v;
}

u64 read_cr2(void)
{
	return fake_cpu->cr[2];
}

void write_cr2(u64 v)
{
	fake_cpu->cr[2] = v;
}

u64 read_cr3(void)
{
	return fake_cpu->cr[3];
}

u64 read_cr4(void)
{
	return fake_cpu->cr[4];
}

void write_cr4(u64 v)
{
	fake_cpu->cr[4] = v;
}

#define DR_WRITER(n)                 \
	void write_dr##n(u64 v)      \
	{                            \
		fake_cpu->dr[n] = v; \
	}
DR_WRITER(0)
DR_WRITER(1)
DR_WRITER(2)
DR_WRITER(3)
DR_WRITER(6)

static u32 port(u16 number, u8 size, bool in, u32 value)
{
	if (fake_cpu->port_count < FAKE_PORTS)
		fake_cpu->port[fake_cpu->port_count++] =
			(struct fake_port){number, size, in, value};
	return value;
}

void outb(u16 p, u8 v)
{
	port(p, 1, false, v);
}

void outw(u16 p, u16 v)
{
	port(p, 2, false, v);
}

void outl(u16 p, u32 v)
{
	port(p, 4, false, v);
}

u8 inb(u16 p)
{
	return (u8)port(p, 1, true, fake_cpu->port_in);
}

u16 inw(u16 p)
{
	return (u16)port(p, 2, true, fake_cpu->port_in);
}

u32 inl(u16 p)
{
	return port(p, 4, true, fake_cpu->port_in);
}

void cpu_pause(void)
{
	if (fake_paused)
		fake_paused();
}

void cpu_halt(void)
{
	if (fake_halted)
		fake_halted();
}

void wbinvd(void)
{
	fake_cpu->wbinvds++;
}

void *gs_self(void)
{
	return fake_cpu->gs;
}

u64 vmread(u32 field)
{
	if (field >= ARRAY_SIZE(fake_cpu->vmcs))
		impossible("VMREAD of field", field);
	return fake_cpu->vmcs[field];
}

bool vmread_safe(u32 field, u64 *v)
{
	*v = vmread(field);
	return true;
}

void vmwrite(u32 field, u64 v)
{
	if (field >= ARRAY_SIZE(fake_cpu->vmcs))
		impossible("VMWRITE of field", field);
	fake_cpu->vmcs[field] = v;
}

void lgdt(const struct desc_ptr *p)
{
	(void)p;
}

void lidt(const struct desc_ptr *p)
{
	(void)p;
}

void ltr(u16 sel)
{
	(void)sel;
}

void stgi(void)
{
	fake_cpu->stgis++;
}

void vmsave(u64 vmcb)
{
	fake_cpu->vmsaved = vmcb;
}

/* There is no TLB here. */
void invept(u64 type, u64 eptp)
{
	(void)type;
	(void)eptp;
}

void invvpid(u64 type, u16 vpid, u64 linear)
{
	(void)type;
	(void)vpid;
	(void)linear;
}
