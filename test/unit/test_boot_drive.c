/* SPDX-License-Identifier: MIT */
/* The boot of a drive from the low page, with the firmware's services played by the test. */
#include "low_world.h"

static struct {
	bool fails, signature;
	u32 reads, int19;
	struct regs regs;
} disk;

/* INT 13h reads a sector; INT 19h is the end. */
static void on_interrupt(uc_engine *u, u32 number, void *user)
{
	u16 signature = disk.signature ? 0xaa55 : 0xaa54;
	u32 flags;

	(void)user;
	if (number != 0x13) {
		disk.int19 += number == 0x19;
		uc_emu_stop(u);
		return;
	}
	disk.reads++;
	disk.regs = get_regs();
	memcpy(mem + 0x7c00 + 510, &signature, 2);
	flags = (disk.regs.r[EFLAGS] & ~CF) | disk.fails;
	uc_reg_write(u, UC_X86_REG_EFLAGS, &flags);
	flags = (u32)rnd(); /* services may change DX */
	uc_reg_write(u, UC_X86_REG_EDX, &flags);
}

static struct regs boot(u8 drive, bool loaded)
{
	static uc_hook hook;
	struct regs g;
	u16 cs, ip;

	start();
	boot_low_set_drive(drive, loaded);
	boot_low_drive_entry(&cs, &ip);
	assert_int_equal(cs * 16u, machine.low_base);
	g = random_regs((u32)rnd());
	g.r[CS] = cs;
	g.r[EFLAGS] &= ~0x200u;
	set_regs(&g);
	disk.reads = disk.int19 = 0;
	memset(mem + 0x7c00, 0xf4, 512);
	assert_int_equal(
		uc_hook_add(uc, &hook, UC_HOOK_INTR, (void *)(uintptr_t)on_interrupt, NULL, 1, 0),
		UC_ERR_OK);
	assert_int_equal(uc_emu_start(uc, cs * 16u + ip, 0x7c00, 0, 1000), UC_ERR_OK);
	return get_regs();
}

/* What a boot sector relies on: CS:IP 0:7C00h, DL the drive, a stack, interrupts on. */
static void assert_booted(const struct regs *g, u8 drive)
{
	u16 ip;

	uc_reg_read(uc, UC_X86_REG_IP, &ip);
	assert_int_equal(g->r[CS], 0);
	assert_int_equal(ip, 0x7c00);
	assert_int_equal(g->r[EDX] & 0xffff, drive);
	assert_int_equal(g->r[SS], 0);
	assert_int_equal(g->r[ESP] & 0xffff, 0x7c00);
	assert_int_equal(g->r[DS] | g->r[ES], 0);
	assert_true(g->r[EFLAGS] & 0x200);
	assert_int_equal(disk.int19, 0);
}

static void test_boot_drive(void **state)
{
	static const u8 drives[] = {0x80, 0x81, 0, 0xe0};
	struct regs g;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(drives); i++) {
		disk.fails = false;
		disk.signature = true;
		g = boot(drives[i], true);
		assert_booted(&g, drives[i]);
		assert_int_equal(disk.reads, 0);
		g = boot(drives[i], false);
		assert_booted(&g, drives[i]);
		assert_int_equal(disk.reads, 1);
		assert_int_equal(disk.regs.r[EAX] & 0xffff, 0x0201);
		assert_int_equal(disk.regs.r[ECX] & 0xffff, 1);
		assert_int_equal(disk.regs.r[EDX] & 0xffff, drives[i]);
		assert_int_equal(disk.regs.r[EBX] & 0xffff, 0x7c00);
		assert_int_equal(disk.regs.r[ES], 0);
	}
}

/* A drive that cannot be read, or has no boot sector, is the firmware's to judge: INT 19h. */
static void test_boot_fails(void **state)
{
	(void)state;
	disk.fails = true;
	disk.signature = true;
	boot(0x80, false);
	assert_int_equal(disk.int19, 1);
	disk.fails = false;
	disk.signature = false;
	boot(0x80, false);
	assert_int_equal(disk.int19, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_boot_drive),
		cmocka_unit_test(test_boot_fails),
	};

	return RUN_SEEDED(tests);
}
