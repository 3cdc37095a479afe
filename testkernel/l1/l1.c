/* SPDX-License-Identifier: MIT */
#include "testkernel/l1/l1.h"
#include "testkernel/features.h"
#include "x86/paging.h"

const struct l1_vendor *l1;

static u64 pml4[512] __attribute__((aligned(4096)));
static u64 pdpt[512] __attribute__((aligned(4096)));
static u64 pd[4 * 512] __attribute__((aligned(4096)));

const char *l1_init(void)
{
	l1 = cpu_vendor() == CRM_INTEL ? &l1_vmx : &l1_svm;
	return l1->init();
}

u64 l1_forced(enum crm_name name)
{
	struct crm_cpu cpu;

	l1->limits(&cpu);
	return cpu.limits[name].must1;
}

u64 l1_slat(u64 table, u64 leaf)
{
	pml4[0] = (uintptr_t)pdpt | table;
	for (u64 i = 0; i < 4; i++)
		pdpt[i] = (uintptr_t)&pd[512 * i] | table;
	for (u64 i = 0; i < ARRAY_SIZE(pd); i++)
		pd[i] = i * PAGE_2M | leaf;
	return (uintptr_t)pml4;
}
