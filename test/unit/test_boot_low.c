/* SPDX-License-Identifier: MIT */
/* INT 15h of the low page, run for real by an emulator over random memory maps, as a system calls
 * it. */
#include "low_world.h"

#define CALLER 0x20100u /* where the system's code goes on after its INT */
#define SMAP   0x534d4150u

/* The old vector: seen with these registers, then it answers in a way of its own. */
static struct {
	u32 calls;
	struct regs regs;
} old;

static void at_old_vector(uc_engine *u, u64 address, u32 size, void *user)
{
	(void)u;
	(void)address;
	(void)size;
	(void)user;
	old.calls++;
	old.regs = get_regs();
}

static u16 *stack_at(const struct regs *g, u32 words)
{
	return (u16 *)(mem + g->r[SS] * 16 + (g->r[ESP] & 0xffff)) + words;
}

/* What INT does, as the emulator does not go through the vectors: then run to the IRET's target. */
static struct regs call_int15(const struct regs *in)
{
	struct regs g = *in;
	u16 ip, cs;

	g.r[ESP] -= 6;
	*stack_at(&g, 0) = CALLER & 0xf;
	*stack_at(&g, 1) = CALLER >> 4;
	*stack_at(&g, 2) = (u16)g.r[EFLAGS];
	g.r[EFLAGS] &= ~0x300u; /* IF, TF */
	memcpy(&ip, mem + 0x15 * 4, 2);
	memcpy(&cs, mem + 0x15 * 4 + 2, 2);
	g.r[CS] = cs;
	set_regs(&g);
	old.calls = 0;
	assert_int_equal(uc_emu_start(uc, cs * 16u + ip, CALLER, 0, 10000), UC_ERR_OK);
	g = get_regs();
	assert_int_equal(g.r[CS], CALLER >> 4);
	g.r[CS] = in->r[CS];
	return g;
}

/* Flags as they were but for CF. */
static void set_cf(struct regs *g, bool cf)
{
	g->r[EFLAGS] = (g->r[EFLAGS] & ~CF) | cf;
}

static void assert_regs(const struct regs *got, const struct regs *want)
{
	static const char *const name[REGS] = {"EAX", "EBX", "ECX", "EDX",    "ESI",
					       "EDI", "EBP", "ESP", "EFLAGS", "CS",
					       "DS",  "ES",  "SS",  "FS",     "GS"};

	for (u32 i = 0; i < REGS; i++)
		if (got->r[i] != want->r[i])
			fail_msg("%s is %x, not %x", name[i], got->r[i], want->r[i]);
}

static void random_map(struct mem_map *m, u32 ranges)
{
	u64 base = 0;

	memset(m, 0, sizeof(*m));
	for (u32 i = 0; i < ranges; i++) {
		u64 size = 1 + (rnd() >> (30 + rnd_below(33)));

		base += rnd_below(3) ? 0 : rnd_below(MiB(64));
		if (base + size < base)
			size = 1;
		/* neighbours differ, so that none are merged */
		assert_true(mem_map_add(m, base, size, 1 + i % 2));
		base += size;
	}
	assert_int_equal(m->count, ranges);
}

static void hook_old_vector(void)
{
	static uc_hook hook;

	assert_int_equal(uc_hook_add(uc, &hook, UC_HOOK_CODE, (void *)(uintptr_t)at_old_vector,
				     NULL, OLD_LINEAR, OLD_LINEAR),
			 UC_ERR_OK);
}

/* One E820 call; the 20 bytes at ES:DI are the range, and nothing around them changes. */
static u32 call_e820(const struct mem_range *want, u32 ebx, bool last)
{
	struct regs in = random_regs(0xe820), out;
	u8 before[64], *buffer;

	in.r[EBX] = ebx;
	in.r[ECX] = 20 + (u32)rnd_below(2) * (u32)rnd_below(100);
	in.r[EDX] = SMAP;
	in.r[EDI] = (in.r[EDI] & 0xffff0000) | (64 + (u32)rnd_below(0xff00));
	buffer = mem + in.r[ES] * 16 + (in.r[EDI] & 0xffff) - 20;
	memcpy(before, buffer, sizeof(before));
	memcpy(before + 20, &want->base, 8);
	memcpy(before + 28, &want->size, 8);
	memcpy(before + 36, &want->type, 4);
	out = call_int15(&in);
	in.r[EAX] = SMAP;
	in.r[EBX] = last ? 0 : out.r[EBX];
	in.r[ECX] = 20;
	set_cf(&in, false);
	assert_regs(&out, &in);
	assert_memory_equal(buffer, before, sizeof(before));
	assert_true(last || out.r[EBX]);
	return out.r[EBX];
}

static void test_e820(void **state)
{
	struct mem_map map;

	(void)state;
	for (u32 round = 0; round < 40; round++) {
		u32 ebx = 0;

		start();
		hook_old_vector();
		random_map(&map, 1 + (u32)rnd_below(100));
		assert_true(boot_low_hook_memory(&map) == OK);
		for (u32 walk = 0; walk < 2; walk++)
			for (u32 i = 0; i < map.count; i++)
				ebx = call_e820(&map.range[i], ebx, i + 1 == map.count);
		assert_int_equal(old.calls, 0);
	}
}

/* Refused as firmware refuses: CF set, AH = 86h, nothing else changes. */
static void assert_refused(struct regs in)
{
	struct regs out = call_int15(&in);

	in.r[EAX] = (in.r[EAX] & 0xffff00ff) | 0x8600;
	set_cf(&in, true);
	assert_regs(&out, &in);
	assert_int_equal(old.calls, 0);
}

static void test_e820_refuses(void **state)
{
	struct mem_map map;

	(void)state;
	start();
	hook_old_vector();
	random_map(&map, 7);
	assert_true(boot_low_hook_memory(&map) == OK);
	for (u32 round = 0; round < 300; round++) {
		struct regs in = random_regs((u32)rnd() << 16 | 0xe820);

		in.r[EBX] = (u32)rnd_below(7);
		in.r[ECX] = 20;
		in.r[EDX] = SMAP;
		if (round % 3 == 0)
			in.r[EDX] ^= (u32)BIT(rnd_below(32));
		else if (round % 3 == 1)
			in.r[ECX] = (u32)rnd_below(20);
		else
			in.r[EBX] = rnd_below(2) ? 7 + (u32)rnd_below(3) : 7 | (u32)rnd();
		assert_refused(in);
	}
}

/* The sizes in AX and BX, the same in CX and DX; 88h: in AX alone. */
static void test_sizes(void **state)
{
	struct mem_map map;

	(void)state;
	for (u32 round = 0; round < 40; round++) {
		struct regs in = random_regs(0xe801), out;
		u16 low, high;

		start();
		hook_old_vector();
		random_map(&map, 1 + (u32)rnd_below(20));
		mem_map_e801(&map, &low, &high);
		assert_true(boot_low_hook_memory(&map) == OK);
		out = call_int15(&in);
		for (u32 i = EAX; i <= EDX; i++)
			in.r[i] = (in.r[i] & 0xffff0000) | (i == EAX || i == ECX ? low : high);
		set_cf(&in, false);
		assert_regs(&out, &in);

		in = random_regs((u32)rnd() << 16 | 0x8800 | (u8)rnd());
		out = call_int15(&in);
		in.r[EAX] = (in.r[EAX] & 0xffff0000) | mem_map_e88(&map);
		set_cf(&in, false);
		assert_regs(&out, &in);
		assert_int_equal(old.calls, 0);
	}
}

static bool is_answered(u16 ax)
{
	static const u8 ah[] = {0x88, 0x8a, 0xc7};

	return ax == 0xe820 || ax == 0xe801 || ax == 0xe881 || ax == 0xda88 ||
	       memchr(ah, ax >> 8, sizeof(ah));
}

/* Every AX there is: the other forms of the map are refused, all else is the firmware's. */
static void test_every_function(void **state)
{
	static const u16 refused[] = {0xe881, 0xda88, 0x8a00, 0x8aff, 0xc700, 0xc7ff};
	struct mem_map map;

	(void)state;
	start();
	hook_old_vector();
	random_map(&map, 3);
	assert_true(boot_low_hook_memory(&map) == OK);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		assert_refused(random_regs((u32)rnd() << 16 | refused[i]));
	for (u32 ax = 0; ax <= 0xffff; ax += 1 + (u32)rnd_below(16)) {
		struct regs in = random_regs((u32)rnd() << 16 | ax), out;

		if (is_answered((u16)ax))
			continue;
		out = call_int15(&in);
		assert_int_equal(old.calls, 1);
		assert_int_equal(old.regs.r[CS], OLD_CS);
		assert_int_equal(*stack_at(&old.regs, 1), CALLER >> 4);
		old.regs.r[CS] = in.r[CS];
		old.regs.r[ESP] += 6;
		in.r[EFLAGS] &= ~0x200u;
		old.regs.r[EFLAGS] &= ~0x8d5u; /* the comparisons' */
		in.r[EAX] = old.regs.r[EAX];
		in.r[EFLAGS] &= ~0x8d5u;
		assert_int_equal(old.regs.r[EAX] & 0xffff, ax);
		assert_regs(&old.regs, &in);
		assert_int_equal(out.r[EAX] & 0xffff, 0xbeef);
	}
}

static void test_too_many_ranges(void **state)
{
	struct mem_map map;
	u8 before[0x500];
	u32 fits = 0;

	(void)state;
	for (u32 n = MEM_MAP_MAX; n && !fits; n--) {
		start();
		memcpy(before, mem, sizeof(before));
		random_map(&map, n);
		if (boot_low_hook_memory(&map) == OK)
			fits = n;
		else
			assert_memory_equal(mem, before, sizeof(before));
	}
	assert_true(fits >= 100);
	hook_old_vector();
	call_e820(&map.range[fits - 1], fits - 1, true);
	/* one page was copied, and all of it is ours */
	for (u32 i = 0; i < 16; i++)
		assert_int_equal(mem[machine.low_base + PAGE_SIZE + i], i);
}

/* INT 12h's figure ends at the page; the page is the highest that is free. */
static void test_page(void **state)
{
	struct mem_map ram = {.count = 0};
	u16 kib = 600;

	(void)state;
	start();
	random_map(&ram, 2);
	assert_true(boot_low_hook_memory(&ram) == OK);
	memcpy(&kib, mem + 0x413, 2);
	assert_int_equal(kib, machine.low_base / 1024);

	ram = (struct mem_map){.count = 0};
	mem_map_add(&ram, 0, MiB(1), E820_RAM);
	kib = 601; /* the firmware has taken the rest */
	memcpy(mem + 0x413, &kib, 2);
	assert_true(boot_low_init(&ram) == OK);
	assert_int_equal(machine.low_base, KiB(600) - PAGE_SIZE);
	kib = 0; /* not to be believed */
	memcpy(mem + 0x413, &kib, 2);
	assert_true(boot_low_init(&ram) == OK);
	assert_int_equal(machine.low_base, KiB(640) - PAGE_SIZE);
	ram.range[0].size = PAGE_SIZE - 1;
	assert_non_null(boot_low_init(&ram));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_e820),
		cmocka_unit_test(test_e820_refuses),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_every_function),
		cmocka_unit_test(test_too_many_ranges),
		cmocka_unit_test(test_page),
	};

	return RUN_SEEDED(tests);
}
