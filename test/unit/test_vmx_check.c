/* SPDX-License-Identifier: MIT */
/*
 * The VM-entry checks, on a VMCS that is an array: a valid guest in each mode breaks none, and each
 * change in vmx_check_cases.def brings exactly the lines that it lists. That no check was forgotten
 * is found from the sources themselves: every message in them must have been seen.
 */
#include "unit.h"
#include "lib/fmt.h"
#include "vmx/vmx_check.h"
#include "x86/insn.h"
#include "x86/msr.h"

enum mode { REAL, PROTECTED, PAE, LONG, VM86, MODES };

/* corei7_skylake_x, the usual platform */
static const struct vmx_caps skylake = {
	.pin = 0x7f00000016,
	.proc = 0xf7f9fffe04006172,
	.proc2 = 0x02177fff00000000,
	.exit = 0x7fffff00036dfb,
	.entry = 0xffff000011fb,
	.ept_vpid = 0xf0106334141,
	.misc = 0x600401e0,
	.cr0_fixed0 = 0x80000021,
	.cr0_fixed1 = 0xffffffff,
	.cr4_fixed0 = 0x2000,
	.cr4_fixed1 = 0x3727ff,
	.phys_bits = 40,
};

struct change {
	u32 where; /* IN_VMCS | encoding, IN_CAPS | offset; 0: no change */
	u64 value;
};

#define IN_VMCS 0x10000u
#define IN_CAPS 0x20000u

struct check_case {
	enum mode mode;
	const char *lines;
	struct change change[5];
};

#define SET(name, v)                       \
	{                                  \
		IN_VMCS | VMCS_##name, (v) \
	}
#define CAP(name, v)                                           \
	{                                                      \
		IN_CAPS | offsetof(struct vmx_caps, name), (v) \
	}
#define CASE(mode, lines, ...) {mode, lines, {__VA_ARGS__}},
static const struct check_case cases[] = {
#include "vmx_check_cases.def"
};
#undef CASE

struct vmx_caps vmx_caps;

static char said[4096];
static u32 lines_said;

static void emit(const char *line)
{
	static const char prefix[] = "CHECK FAILED: ";
	size_t n = strlen(said);

	assert_int_equal(strncmp(line, prefix, strlen(prefix)), 0);
	lines_said++;
	snprintf(said + n, sizeof(said) - n, "%s%s", n ? "\n" : "", line + strlen(prefix));
}

/* Every message of a check that failed passes here on its way (linked with --wrap). */
static const char *seen[200];
static size_t seen_count;

int __real_fmt_va(char *buf, size_t size, const char *f, va_list ap);
int __wrap_fmt_va(char *buf, size_t size, const char *f, va_list ap);

int __wrap_fmt_va(char *buf, size_t size, const char *f, va_list ap)
{
	size_t i = 0;

	while (i < seen_count && seen[i] != f)
		i++;
	if (i == seen_count && i < ARRAY_SIZE(seen))
		seen[seen_count++] = f;
	return __real_fmt_va(buf, size, f, ap);
}

static void set_controls(void)
{
	fake_cpu->vmcs[VMCS_PIN_CONTROLS] = (u32)vmx_caps.pin | PIN_NMI_EXITING | PIN_VIRTUAL_NMIS;
	fake_cpu->vmcs[VMCS_PROC_CONTROLS] =
		(u32)vmx_caps.proc | PROC_IO_BITMAPS | PROC_MSR_BITMAPS | PROC_SECONDARY;
	fake_cpu->vmcs[VMCS_PROC_CONTROLS2] = PROC2_EPT | PROC2_RDTSCP | PROC2_VPID |
					      PROC2_UNRESTRICTED | PROC2_INVPCID | PROC2_XSAVES;
	fake_cpu->vmcs[VMCS_EXIT_CONTROLS] =
		(u32)vmx_caps.exit | EXIT_CTL_SAVE_DEBUG | EXIT_CTL_HOST64 | EXIT_CTL_SAVE_PAT |
		EXIT_CTL_LOAD_PAT | EXIT_CTL_SAVE_EFER | EXIT_CTL_LOAD_EFER;
	fake_cpu->vmcs[VMCS_ENTRY_CONTROLS] = (u32)vmx_caps.entry | ENTRY_CTL_LOAD_DEBUG |
					      ENTRY_CTL_LOAD_PAT | ENTRY_CTL_LOAD_EFER;
	fake_cpu->vmcs[VMCS_VPID] = 1;
	fake_cpu->vmcs[VMCS_EPTP] = 0x100000 | EPTP_WB | EPTP_4LEVEL | BIT(6);
	fake_cpu->vmcs[VMCS_IO_BITMAP_A] = 0x5000;
	fake_cpu->vmcs[VMCS_IO_BITMAP_B] = 0x6000;
	fake_cpu->vmcs[VMCS_MSR_BITMAP] = 0x7000;
	fake_cpu->vmcs[VMCS_VMCS_LINK] = ~0ULL;
}

static void set_host(void)
{
	fake_cpu->vmcs[VMCS_HOST_CR0] = 0x80010033;
	fake_cpu->vmcs[VMCS_HOST_CR3] = 0x200000;
	fake_cpu->vmcs[VMCS_HOST_CR4] = 0x2020;
	fake_cpu->vmcs[VMCS_HOST_EFER] = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	fake_cpu->vmcs[VMCS_HOST_PAT] = PAT_RESET;
	fake_cpu->vmcs[VMCS_HOST_CS_SEL] = 8;
	fake_cpu->vmcs[VMCS_HOST_TR_SEL] = 0x30;
	fake_cpu->vmcs[VMCS_HOST_RIP] = 0xffffffff80001000;
	fake_cpu->vmcs[VMCS_HOST_TR_BASE] = 0x7fffffffffff;
}

static void set_segments(u32 code, u32 data, u64 sel, u64 base, u64 limit)
{
	for (u32 s = 2 * SEG_ES; s <= 2 * SEG_GS; s += 2) {
		fake_cpu->vmcs[VMCS_GUEST_ES_SEL + s] = sel;
		fake_cpu->vmcs[VMCS_GUEST_ES_BASE + s] = base;
		fake_cpu->vmcs[VMCS_GUEST_ES_LIMIT + s] = limit;
		fake_cpu->vmcs[VMCS_GUEST_ES_AR + s] = s == 2 * SEG_CS ? code : data;
	}
	fake_cpu->vmcs[VMCS_GUEST_TR_LIMIT] = fake_cpu->vmcs[VMCS_GUEST_LDTR_LIMIT] = 0xffff;
	fake_cpu->vmcs[VMCS_GUEST_TR_AR] = 0x8b;
	fake_cpu->vmcs[VMCS_GUEST_LDTR_AR] = 0x82;
}

static void set_guest(enum mode mode)
{
	static const struct {
		u64 cr0, cr4, efer, rflags;
		u32 code, data;
	} regs[MODES] = {
		[REAL] = {0x30, 0x2000, 0, 2, 0x9b, 0x93},
		[PROTECTED] = {0x80010033, 0x2010, 0, 2, 0xc09b, 0xc093},
		[PAE] = {0x80010033, 0x2020, 0, 2, 0xc09b, 0xc093},
		[LONG] = {0x80010033, 0x2020, 0xd01, 2, 0xa09b, 0xc093},
		[VM86] = {0x80010033, 0x2010, 0, 0x23202, 0xf3, 0xf3},
	};

	fake_cpu->vmcs[VMCS_GUEST_CR0] = regs[mode].cr0;
	fake_cpu->vmcs[VMCS_GUEST_CR4] = regs[mode].cr4;
	fake_cpu->vmcs[VMCS_GUEST_EFER] = regs[mode].efer;
	fake_cpu->vmcs[VMCS_GUEST_RFLAGS] = regs[mode].rflags;
	fake_cpu->vmcs[VMCS_GUEST_RIP] = 0xfff0;
	fake_cpu->vmcs[VMCS_GUEST_DR7] = 0x400;
	fake_cpu->vmcs[VMCS_GUEST_PAT] = PAT_RESET;
	fake_cpu->vmcs[VMCS_GUEST_GDTR_LIMIT] = fake_cpu->vmcs[VMCS_GUEST_IDTR_LIMIT] = 0xffff;
	if (mode == LONG)
		fake_cpu->vmcs[VMCS_ENTRY_CONTROLS] |= ENTRY_CTL_IA32E;
	if (mode == REAL || mode == VM86)
		set_segments(regs[mode].code, regs[mode].data, 0x1234, 0x12340, 0xffff);
	else
		set_segments(regs[mode].code, regs[mode].data, 8, 0, 0xffffffff);
	for (u32 i = 0; mode == PAE && i < 4; i++)
		fake_cpu->vmcs[VMCS_GUEST_PDPTE0 + 2 * i] = 0x1000 * (i + 1) | 1;
}

static void set_valid(enum mode mode)
{
	memset(fake_cpu->vmcs, 0, sizeof(fake_cpu->vmcs));
	vmx_caps = skylake;
	set_controls();
	set_host();
	set_guest(mode);
}

/* Returns how many checks do not hold; as many lines have been said. */
static u32 check(void)
{
	u32 violations;

	said[0] = 0;
	lines_said = 0;
	violations = vmx_check_all(emit);
	assert_int_equal(violations, lines_said);
	return violations;
}

static void test_valid(void **state)
{
	(void)state;
	for (enum mode mode = REAL; mode < MODES; mode++) {
		set_valid(mode);
		assert_int_equal(check(), 0);
		assert_string_equal(said, "");
	}
}

static void apply(const struct change *c)
{
	if (c->where & IN_VMCS)
		fake_cpu->vmcs[c->where & 0xffff] = c->value;
	else
		memcpy((u8 *)&vmx_caps + (c->where & 0xffff), &c->value, sizeof(c->value));
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		set_valid(cases[i].mode);
		for (const struct change *c = cases[i].change; c->where; c++)
			apply(c);
		check();
		if (strcmp(said, cases[i].lines))
			fail_msg("case %zu: \"%s\" came, \"%s\" was due", i, said, cases[i].lines);
	}
}

/* All string literals up to the end of the argument, joined; FMT64 as what it stands for. */
static const char *read_literals(const char *p, char *out, size_t size)
{
	size_t n = 0;

	p += strcspn(p, "\"");
	for (; *p && *p != ',' && *p != ')'; p++) {
		if (!strncmp(p, "FMT64", 5))
			n += (size_t)snprintf(out + n, size - n, "%s", FMT64);
		if (*p != '"')
			continue;
		for (p++; *p && *p != '"' && n + 1 < size; p++)
			out[n++] = *p;
	}
	out[n] = 0;
	return p;
}

static u32 count_seen(const char *message)
{
	u32 n = 0;

	for (size_t i = 0; i < seen_count; i++)
		n += !strcmp(seen[i], message);
	return n;
}

/* The number of checks in a source file. All their messages must have been seen. */
static u32 count_checks(const char *path)
{
	static const char call[] = "check_that(c,";
	static char text[1 << 16];
	FILE *f = fopen(path, "r");
	char message[200];
	u32 checks = 0;

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	for (const char *p = text; (p = strstr(p, call)); checks++) {
		p = read_literals(p + strlen(call), message, sizeof(message));
		if (count_seen(message) != 1)
			fail_msg("%s: \"%s\" was seen in %u forms", path, message,
				 count_seen(message));
	}
	return checks;
}

/* After the cases, as it looks at what they brought. */
static void test_complete(void **state)
{
	u32 checks = count_checks("vmx/vmx_check.c") + count_checks("vmx/vmx_check_guest.c") +
		     count_checks("vmx/vmx_check_seg.c");

	(void)state;
	assert_int_equal(checks, seen_count);
	assert_true(checks > 80);
}

/* A VMCS of any content is judged without harm, and every violation has its line. */
static void test_garbage(void **state)
{
	(void)state;
	for (u32 round = 0; round < 2000; round++) {
		u32 bits = (u32)rnd_below(4);

		set_valid((enum mode)rnd_below(MODES));
		for (u32 e = 0; e < ARRAY_SIZE(fake_cpu->vmcs); e++) {
			u64 noise = bits == 0 ? rnd() : rnd_below(16) ? 0 : BIT(rnd_below(64));

			fake_cpu->vmcs[e] ^= noise;
		}
		check();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_garbage),
	};

	return RUN_SEEDED(tests);
}
