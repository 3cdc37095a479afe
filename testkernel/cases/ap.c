/* SPDX-License-Identifier: MIT */
/*
 * The state in which an AP starts after INIT and SIPI (Intel SDM vol. 3A, table 10-1), written down
 * by the trampoline before it changed anything.
 */
#include "testkernel/groups.h"
#include "testkernel/lamina.h"
#include "testkernel/lapic.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "lib/string.h"

/* The #GP entry of real mode's table, seen through the other mapping: compilers take small
 * constants for null pointers. */
#define REAL_GP_VECTOR (USER_BASE + 13 * 4)

static const struct ap_path_name {
	enum ap_path path;
	const char *name;
} paths[] = {{AP_ONE_STEP, "one MOV to CR0"}, {AP_TWO_STEPS, "PE first, then PG"}};

/* State that INIT must wipe out. */
static void dirty(void *unused)
{
	(void)unused;
	write_cr2(0xdeadbeef);
	write_dr0(0x1234);
	tk_write_dr7(0x400 | 0x100);
	write_cr4(read_cr4() | CR4_DE | CR4_PGE | CR4_TSD);
	write_cr0(read_cr0() | CR0_AM | CR0_TS);
}

static bool start_from(u32 i, enum ap_path path)
{
	struct cpu *c = &cpus[i];
	u32 before = c->started;
	struct ap_params *p = smp_trampoline(SIPI_VECTOR, path);
	u32 *gp = (u32 *)(uintptr_t)REAL_GP_VECTOR;
	u32 saved = *gp;
	bool up;

	p->probe_limits = 1;
	*gp = (u32)SIPI_VECTOR << 24 | (u32)(trampoline_gp - trampoline_start);
	lapic_send(c->apic_id, ICR_INIT);
	smp_settle();
	lapic_send(c->apic_id, ICR_SIPI(SIPI_VECTOR));
	up = wait_for(c->started == before + 1);
	*gp = saved;
	return up;
}

static struct ap_capture got[MAX_CPUS];

#define FIELD(f, due) \
	check(got[i].f == (due), "cpu %u: " #f " is %x, not %x", i, (u32)got[i].f, (u32)(due))

static void control(u32 i)
{
	FIELD(cr0, 0x60000010);
	FIELD(cr2, 0);
	FIELD(cr3, 0);
	FIELD(cr4, 0);
	FIELD(efer, 0);
	FIELD(eflags, 2);
}

/* Bochs leaves EDX 0; Lamina, which starts APs itself, goes by the manual. */
static void general(u32 i)
{
	u32 signature = cpuid(1, 0).eax, edx = got[i].gpr[2];

	for (u32 r = 0; r < 8; r++)
		check(r == 2 || !got[i].gpr[r], "cpu %u: register %u is %x", i, r, got[i].gpr[r]);
	check(edx == signature || (!edx && !lamina_here()), "cpu %u: EDX is %x, not %x", i, edx,
	      signature);
	if (edx != signature)
		note("cpu %u: EDX is %x, the manual says %x", i, edx, signature);
}

static void segments(u32 i)
{
	FIELD(cs, SIPI_VECTOR << 8);
	FIELD(ip, 0);
	FIELD(ds, 0);
	FIELD(es, 0);
	FIELD(fs, 0);
	FIELD(gs, 0);
	FIELD(ss, 0);
	if (!quirk_took(TCG_NO_LIMIT_CHECK, !got[i].limit_faults))
		FIELD(limit_faults, 4);
}

static void tables(u32 i)
{
	FIELD(gdt_limit, 0xffff);
	FIELD(gdt_base_lo, 0);
	FIELD(gdt_base_hi, 0);
	FIELD(idt_limit, 0xffff);
	FIELD(idt_base_lo, 0);
	FIELD(idt_base_hi, 0);
}

static void debug(u32 i)
{
	FIELD(dr6, 0xffff0ff0);
	FIELD(dr7, 0x400);
}

static void each(void (*check_one)(u32 i), const char *text, const char *path)
{
	for (u32 i = 1; i < cpu_count; i++)
		check_one(i);
	tap("%s after INIT and SIPI (%s)", text, path);
}

void group_ap(void)
{
	for (size_t k = 0; k < ARRAY_SIZE(paths); k++) {
		const char *name = paths[k].name;

		for (u32 i = 1; i < cpu_count; i++) {
			run_on(i, dirty, NULL);
			check(start_from(i, paths[k].path), "cpu %u does not start", i);
			got[i] = cpus[i].capture;
		}
		tap("APs go from real mode to long mode by %s", name);
		each(control, "CR0 is 60000010h, CR2 CR3 CR4 EFER are 0, RFLAGS 2", name);
		each(general, "EDX is the processor's signature, other registers are 0", name);
		each(segments, "CS:IP is the vector's page, segments are 0 with 64 KiB", name);
		each(tables, "GDTR and IDTR are 0 with limit FFFFh", name);
		each(debug, "DR6 is FFFF0FF0h, DR7 is 400h", name);
	}
	probe_all();
	tap("after all this every CPU is where it was");
}
