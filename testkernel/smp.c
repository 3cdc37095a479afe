/* SPDX-License-Identifier: MIT */
#include "testkernel/smp.h"
#include "testkernel/acpi.h"
#include "testkernel/lapic.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "lib/string.h"

#define SETTLE_TURNS 2000u

void smp_init(void)
{
	u32 self = lapic_cpuid_id();
	u32 n = acpi.cpus < MAX_CPUS ? acpi.cpus : MAX_CPUS;

	cpus[0].apic_id = self;
	cpu_count = 1;
	for (u32 i = 0; i < n; i++) {
		if (acpi.apic_id[i] == self)
			continue;
		if (cpu_count == MAX_CPUS)
			panic("this CPU is not among the first %u of the ACPI tables", MAX_CPUS);
		cpus[cpu_count].self = &cpus[cpu_count];
		cpus[cpu_count].index = cpu_count;
		cpus[cpu_count].apic_id = acpi.apic_id[i];
		cpu_count++;
	}
	cpu_init(&cpus[0]);
	cpus[0].started = 1;
}

struct ap_params *smp_trampoline(u8 vector, enum ap_path path)
{
	struct ap_params *p = (void *)(uintptr_t)(vector << PAGE_SHIFT);

	memcpy(p, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	p->path = (u16)path;
	p->cr0 = (u32)(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE);
	p->token = 1;
	return p;
}

void smp_settle(void)
{
	for (u32 i = 0; i < SETTLE_TURNS; i++)
		cpu_pause();
}

bool smp_restart(u32 index)
{
	struct cpu *c = &cpus[index];
	u32 before = c->started;

	smp_trampoline(SIPI_VECTOR, AP_ONE_STEP);
	lapic_send(c->apic_id, ICR_INIT);
	smp_settle();
	lapic_send(c->apic_id, ICR_SIPI(SIPI_VECTOR));
	return wait_for(c->started == before + 1);
}

void start_on(u32 index, work_fn fn, void *arg)
{
	struct cpu *c = &cpus[index];

	c->work_arg = arg;
	c->work = fn;
	lapic_send(c->apic_id, ICR_FIXED | VEC_WAKE);
}

void finish_on(u32 index)
{
	if (!wait_for(!cpus[index].work))
		panic("cpu %u does not finish its work", index);
}

void run_on(u32 index, work_fn fn, void *arg)
{
	if (index == this_cpu()->index) {
		fn(arg);
	} else {
		start_on(index, fn, arg);
		finish_on(index);
	}
}

void on_each_cpu(work_fn fn, void *arg)
{
	for (u32 i = 0; i < cpu_count; i++)
		run_on(i, fn, arg);
}

static struct cpu *find_self(void)
{
	u32 id = lapic_cpuid_id();

	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i].apic_id == id)
			return &cpus[i];
	return NULL;
}

u64 ap_claim(u64 page)
{
	struct ap_params *p = (void *)(uintptr_t)page;
	struct cpu *c = find_self();

	if (!c) {
		wrmsr(MSR_GS_BASE, (uintptr_t)&cpus[0]);
		panic("a CPU with the unknown APIC ID %u started", lapic_cpuid_id());
	}
	wrmsr(MSR_GS_BASE, (uintptr_t)c);
	c->capture = p->capture;
	c->sipi_page = page;
	return (uintptr_t)(c->stack + STACK_SIZE);
}

void ap_main(void)
{
	struct cpu *c = this_cpu();
	struct ap_params *p = (void *)(uintptr_t)c->sipi_page;

	cpu_init(c);
	p->token = 1; /* off the shared stack: the next CPU may come */
	c->started++;
	for (;;) {
		tk_cli();
		if (c->work) {
			c->work(c->work_arg);
			c->work = NULL;
		} else {
			tk_sti_hlt();
		}
	}
}
