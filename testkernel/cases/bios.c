/* SPDX-License-Identifier: MIT */
/*
 * The firmware's services in real mode, as boot loaders and old systems call them: disk, screen,
 * the system services of INT 15h, also when the guest has put its own handler in front, A20, and
 * the warm reset vector by which old systems start CPUs. What they answer is part of a case's line,
 * so it is the same bare and on Lamina.
 */
#include "testkernel/groups.h"
#include "testkernel/lapic.h"
#include "testkernel/mb2.h"
#include "testkernel/realmode.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "lib/string.h"
#include "x86/insn.h"

#define DRIVE	      0x80u
#define SECTOR	      512u
#define VECTOR_A20    0x60
#define IVT_15	      (0x15 * 4)
#define WARM_RESET    0x467u
#define CMOS_INDEX    0x70
#define CMOS_DATA     0x71
#define CMOS_SHUTDOWN 0x0f
#define SHUTDOWN_JUMP 0x0a /* to the warm reset vector */
#define VBE_INFO_SIZE 512u

extern const u8 realmode_a20[], realmode_a20_end[];

static u8 *buffer(void)
{
	return (u8 *)(uintptr_t)RM_BUFFER;
}

static struct rm_regs call(u8 vector, struct rm_regs r)
{
	realmode_int(vector, &r);
	return r;
}

static u32 sum(const u8 *p, u32 n)
{
	u32 s = 0;

	for (u32 i = 0; i < n; i++)
		s = (s << 5 | s >> 27) ^ p[i];
	return s;
}

/* The first sector by cylinder, head and sector, and by number; a read beyond the end fails. */
static void disk(void)
{
	struct {
		u8 size, zero;
		u16 count, offset, segment;
		u64 lba;
	} __attribute__((packed)) packet = {16, 0, 1, RM_BUFFER, 0, 0};
	void *at = (void *)(uintptr_t)(RM_BUFFER + 2 * SECTOR);
	struct rm_regs r, p = call(0x13, (struct rm_regs){.eax = 0x0800, .edx = DRIVE});
	u32 by_chs, by_lba, ok;

	memset(buffer(), 0, SECTOR);
	r = call(0x13, (struct rm_regs){.eax = 0x0201, .ebx = RM_BUFFER, .ecx = 1, .edx = DRIVE});
	by_chs = sum(buffer(), SECTOR);
	check(!(r.eflags & RM_CARRY) && buffer()[510] == 0x55 && buffer()[511] == 0xaa,
	      "AH=02: AX %x flags %x", r.eax, r.eflags);
	memset(buffer(), 0, SECTOR);
	memcpy(at, &packet, sizeof(packet));
	r = call(0x13, (struct rm_regs){.eax = 0x4200, .edx = DRIVE, .esi = (u32)(uintptr_t)at});
	by_lba = sum(buffer(), SECTOR);
	check(!(r.eflags & RM_CARRY) && by_lba == by_chs, "AH=42: AX %x flags %x, sum %x, not %x",
	      r.eax, r.eflags, by_lba, by_chs);
	packet.lba = 1ULL << 40;
	memcpy(at, &packet, sizeof(packet));
	r = call(0x13, (struct rm_regs){.eax = 0x4200, .edx = DRIVE, .esi = (u32)(uintptr_t)at});
	ok = r.eflags & RM_CARRY;
	check(ok, "AH=42 beyond the end: AX %x flags %x", r.eax, r.eflags);
	tap("INT 13h: drive 80h has CX %04x DX %04x, sector 0 sums to %08x by AH=02 and 42",
	    p.ecx & 0xffff, p.edx & 0xffff, by_chs);
}

/* A mode with a frame buffer of one byte a point: what the BIOS draws is in memory. */
static void graphics(void)
{
	const volatile u8 *frame = (const volatile u8 *)(uintptr_t)0xa0000;
	struct rm_regs mode = call(0x10, (struct rm_regs){.eax = 0x0f00}), r;
	u8 drawn, read;

	call(0x10, (struct rm_regs){.eax = 0x0013});
	call(0x10, (struct rm_regs){.eax = 0x0c2a, .ecx = 7, .edx = 3});
	drawn = frame[3 * 320 + 7];
	r = call(0x10, (struct rm_regs){.eax = 0x0d00, .ecx = 7, .edx = 3});
	read = (u8)r.eax;
	check(drawn == 0x2a && read == 0x2a, "memory has %x, AH=0D %x", drawn, read);
	call(0x10, (struct rm_regs){.eax = 0x0003});
	r = call(0x10, (struct rm_regs){.eax = 0x0f00});
	check((r.eax & 0x7f) == 3, "AH=0F: AX %x in mode 3", r.eax);
	tap("INT 10h: mode %02x before, mode 13h draws into memory, mode 3 again", mode.eax & 0x7f);
}

/* VBE: the modes there are, one of them set, and its frame buffer written and read (VBE 3.0). */
static void vbe(void)
{
	struct rm_regs r, info;
	u32 modes_at, pitch, blocks, modes = 0, set;

	memset(buffer(), 0, VBE_INFO_SIZE);
	memcpy(buffer(), "VBE2", 4);
	info = call(0x10, (struct rm_regs){.eax = 0x4f00, .edi = RM_BUFFER});
	blocks = *(u16 *)(buffer() + 18);
	modes_at = *(u16 *)(buffer() + 14) + *(u16 *)(buffer() + 16) * 16u;
	for (const u16 *m = (const u16 *)(uintptr_t)modes_at; *m != 0xffff && modes < 200; m++)
		modes++;
	memset(buffer(), 0, VBE_INFO_SIZE);
	call(0x10, (struct rm_regs){.eax = 0x4f01, .ecx = 0x101, .edi = RM_BUFFER});
	pitch = *(u16 *)(buffer() + 16);
	r = call(0x10, (struct rm_regs){.eax = 0x4f02, .ebx = 0x101});
	set = r.eax & 0xffff;
	r = call(0x10, (struct rm_regs){.eax = 0x4f03});
	check((info.eax & 0xffff) != 0x4f || ((r.ebx & 0x1ff) == 0x101 && set == 0x4f),
	      "4F02: AX %x, 4F03: BX %x", set, r.ebx);
	call(0x10, (struct rm_regs){.eax = 0x0003});
	r = call(0x10, (struct rm_regs){.eax = 0x0f00});
	check((r.eax & 0x7f) == 3, "AH=0F: AX %x after VBE", r.eax);
	tap("INT 10h VBE: AX %04x, %u blocks, %u modes, 101h has %u bytes a line",
	    info.eax & 0xffff, blocks, modes, pitch);
}

/* Small services: which there are, and that those that are not say so. */
static void services(void)
{
	struct rm_regs apm = call(0x15, (struct rm_regs){.eax = 0x5300}),
		       none = call(0x15, (struct rm_regs){.eax = 0x7f00}),
		       table = call(0x15, (struct rm_regs){.eax = 0xc000}),
		       size = call(0x15, (struct rm_regs){.eax = 0xc700}),
		       equipment = call(0x11, (struct rm_regs){0}),
		       memory = call(0x12, (struct rm_regs){0});

	check(none.eflags & RM_CARRY, "AH=7F: flags %x", none.eflags);
	note("INT 12h: %u KiB", memory.eax & 0xffff);
	check((memory.eax & 0xffff) >= 512 && (memory.eax & 0xffff) <= 640, "INT 12h: %u KiB",
	      memory.eax & 0xffff);
	tap("INT 15h: APM %x AX %04x, AH=C0 %x, C7 %x, INT 11h %04x", apm.eflags & RM_CARRY,
	    apm.eax & 0xffff, table.eflags & RM_CARRY, size.eflags & RM_CARRY,
	    equipment.eax & 0xffff);
}

/* A handler of the guest's before the firmware's (or Lamina's): counts, and goes on to the old one.
 */
static void hooked(void)
{
	u8 *hook = buffer() + 0x800, *vector = (u8 *)(uintptr_t)IVT_15;
	u32 old, entry = RM_BUFFER + 0x800, calls = 0;
	struct rm_regs r = {.eax = 0xe820, .ecx = 20, .edx = 0x534d4150, .edi = RM_BUFFER};
	u8 first[20], again[20];

	call(0x15, r);
	memcpy(first, buffer(), sizeof(first));
	memcpy(&old, vector, 4);
	memcpy(hook, "\x2e\xff\x06\x10\x78\xea", 6); /* incw %cs:0x7810; ljmp old */
	memcpy(hook + 6, &old, 4);
	memset(hook + 0x10, 0, 2);
	memcpy(vector, &entry, 4);
	memset(buffer(), 0, sizeof(first));
	for (u32 i = 0; i < 3; i++)
		call(0x15, r);
	memcpy(again, buffer(), sizeof(again));
	memcpy(&calls, hook + 0x10, 2);
	memcpy(vector, &old, 4);
	check(calls == 3, "the hook was called %u times", calls);
	check(!memcmp(first, again, sizeof(first)), "E820 answers otherwise");
	tap("INT 15h hooked by the guest: its handler runs, then the old one answers as before");
}

/* Without A20 addresses wrap at 1 MiB, on a platform that has it; with it again they do not. The
 * kernel itself cannot run without. */
static void a20(void)
{
	u32 entry = RM_BUFFER + 0x400;
	struct rm_regs r;

	if (!mem_map_is_ram(&mb2.map, RM_BUFFER + MiB(1), PAGE_SIZE))
		panic("no RAM above 1 MiB");
	memcpy(buffer() + 0x400, realmode_a20, (size_t)(realmode_a20_end - realmode_a20));
	memcpy((void *)(uintptr_t)(VECTOR_A20 * 4), &entry, 4);
	r = call(VECTOR_A20, (struct rm_regs){0});
	check(!(r.ebx & 1) && !(r.esi & 0xffff), "A20 on: carry %x, memory %x", r.ebx & 1,
	      r.esi & 0xffff);
	check((r.edx & 0xffff) == 0x1234 || !(r.edx & 0xffff), "A20 off: memory %x",
	      r.edx & 0xffff);
	tap("A20 off (carry %x): addresses %s at 1 MiB; on: they do not", r.ecx & 1,
	    r.edx & 0xffff ? "wrap" : "do not wrap");
}

static u8 cmos_swap(u8 value)
{
	u8 old;

	outb(CMOS_INDEX, CMOS_SHUTDOWN);
	old = inb(CMOS_DATA);
	outb(CMOS_INDEX, CMOS_SHUTDOWN);
	outb(CMOS_DATA, value);
	return old;
}

static void nothing(void *unused)
{
	(void)unused;
}

/* One CPU at a time, twice, as a HAL does: the warm reset vector and the CMOS shutdown code set,
 * then INIT and two SIPIs. */
static void hal_start(void)
{
	u32 vector = (u32)SIPI_VECTOR << 24, old;

	memcpy(&old, (void *)(uintptr_t)WARM_RESET, 4);
	for (u32 turn = 0; turn < 2; turn++)
		for (u32 i = 1; i < cpu_count; i++) {
			u8 shutdown = cmos_swap(SHUTDOWN_JUMP);

			memcpy((void *)(uintptr_t)WARM_RESET, &vector, 4);
			check(smp_restart(i), "turn %u: cpu %u did not start", turn, i);
			lapic_send(cpus[i].apic_id, ICR_SIPI(SIPI_VECTOR));
			smp_settle();
			memcpy((void *)(uintptr_t)WARM_RESET, &old, 4);
			cmos_swap(shutdown);
			run_on(i, nothing, NULL);
		}
	probe_all();
	tap("APs started one by one with a warm reset vector, and again");
}

void group_bios(void)
{
	disk();
	graphics();
	vbe();
	services();
	hooked();
	a20();
	hal_start();
}
