/* SPDX-License-Identifier: MIT */
/* The MSR and I/O permission maps, one pair for all CPUs (AMD APM vol. 2, 15.10 and 15.11). */
#include "svm/svm.h"

#include "core/page.h"
#include "hv/assert.h"
#include "x86/vector.h"

#define MSR_MAP_PAGES 2
#define IO_MAP_PAGES  3

static u8 *msr_bitmap;
static u8 *io_bitmap;

err_t svm_trap_init(void)
{
	if (!msr_bitmap)
		msr_bitmap = page_alloc(MSR_MAP_PAGES);
	if (!io_bitmap)
		io_bitmap = page_alloc(IO_MAP_PAGES);
	return msr_bitmap && io_bitmap ? OK : "too little memory for the permission maps";
}

hpa_t svm_msr_bitmap(void)
{
	return page_hpa(msr_bitmap);
}

hpa_t svm_io_bitmap(void)
{
	return page_hpa(io_bitmap);
}

void svm_trap_events(struct vcpu *v, u32 exceptions, bool interrupts)
{
	struct svm_vcpu *m = svm_of(v);
	u64 exits1 = vmcb_read(v, VMCB_INTERCEPTS1) & ~(u64)INTERCEPT(SVM_INTR);

	vmcb_write(v, VMCB_EXC_INTERCEPTS,
		   exceptions | v->exceptions | m->exceptions |
			   (m->stepping ? 1u << VECTOR_DB : 0));
	vmcb_write(v, VMCB_INTERCEPTS1, exits1 | (interrupts ? INTERCEPT(SVM_INTR) : 0));
}

bool svm_timer(struct vcpu *v, u64 ticks)
{
	(void)v;
	(void)ticks;
	return false;
}

/* Two bits an MSR, read and write, for three ranges of 2000h. */
void svm_trap_msr(u32 msr, bool read, bool write)
{
	u32 range = msr >= 0xc0010000 ? 2 : msr >= 0xc0000000;
	u32 bit = (range * 0x2000 + (msr & 0x1fff)) * 2;

	ASSERT((msr & ~0x1fffu) == (range == 2 ? 0xc0010000 : range ? 0xc0000000 : 0));
	bit_set(msr_bitmap, bit, read);
	bit_set(msr_bitmap, bit + 1, write);
}

void svm_trap_port(u16 port, bool on)
{
	bit_set(io_bitmap, port, on);
}
