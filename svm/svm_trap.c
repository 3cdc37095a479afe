/* SPDX-License-Identifier: MIT */
/* The MSR and I/O permission maps, one pair for all CPUs (AMD APM vol. 2, 15.10 and 15.11). */
#include "svm/svm.h"

#include "core/page.h"
#include "hv/assert.h"

#define MSR_MAP_PAGES 2
#define IO_MAP_PAGES  3

static u8 *msr_map;
static u8 *io_map;

err_t svm_trap_init(void)
{
	if (!msr_map)
		msr_map = page_alloc(MSR_MAP_PAGES);
	if (!io_map)
		io_map = page_alloc(IO_MAP_PAGES);
	return msr_map && io_map ? OK : "too little memory for the permission maps";
}

hpa_t svm_msr_map(void)
{
	return page_hpa(msr_map);
}

hpa_t svm_io_map(void)
{
	return page_hpa(io_map);
}

static void set_bit(u8 *map, u32 bit, bool on)
{
	if (on)
		map[bit / 8] |= 1u << bit % 8;
	else
		map[bit / 8] &= ~(1u << bit % 8);
}

/* Two bits an MSR, read and write, for three ranges of 2000h. */
void svm_trap_msr(u32 msr, bool read, bool write)
{
	u32 range = msr >= 0xc0010000 ? 2 : msr >= 0xc0000000;
	u32 bit = (range * 0x2000 + (msr & 0x1fff)) * 2;

	ASSERT((msr & ~0x1fffu) == (range == 2 ? 0xc0010000 : range ? 0xc0000000 : 0));
	set_bit(msr_map, bit, read);
	set_bit(msr_map, bit + 1, write);
}

void svm_trap_port(u16 port, bool on)
{
	set_bit(io_map, port, on);
}
