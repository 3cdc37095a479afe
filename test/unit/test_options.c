/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include "core/options.h"

static char warnings[4096];
static u32 warned;

static void note(void *ctx, const char *line)
{
	assert_true(ctx == &warned);
	assert_null(strchr(line, '\n'));
	assert_true(strlen(line) < 160);
	warned++;
	if (strlen(warnings) + strlen(line) + 2 < sizeof(warnings))
		strcat(strcat(warnings, line), "\n");
}

static struct options parse(const char *cmdline)
{
	struct options o;

	memset(&o, 0xee, sizeof(o));
	warnings[0] = 0;
	warned = 0;
	options_parse(cmdline, &o, note, &warned);
	return o;
}

static void test_defaults(void **state)
{
	static const char *const silent[] = {"", "   \t ", "/lamina.elf",
					     "(hd0,msdos1)/boot/lamina"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++) {
		struct options o = parse(silent[i]);

		assert_int_equal(warned, 0);
		assert_int_equal(o.guest, OPT_GUEST_LINUX);
		assert_int_equal(o.drive, 0x80);
		assert_int_equal(o.sipi, OPT_SIPI_AUTO);
		assert_int_equal(o.cpuid, OPT_CPUID_LAMINA);
		assert_int_equal(o.serial, 0x3f8);
		assert_int_equal(o.shutdown, OPT_SHUTDOWN_RESET);
		assert_int_equal(o.vmx, OPT_VMX_ON);
	}
}

static void test_each_word(void **state)
{
	static const struct {
		const char *word;
		size_t offset;
		u32 value;
	} cases[] = {
#define AT(field) offsetof(struct options, field)
		{"guest=linux", AT(guest), OPT_GUEST_LINUX},
		{"guest=bios", AT(guest), OPT_GUEST_BIOS},
		{"drive=hd0", AT(drive), 0x80},
		{"drive=hd1", AT(drive), 0x81},
		{"drive=fd0", AT(drive), 0},
		{"drive=0x82", AT(drive), 0x82},
		{"drive=0x0", AT(drive), 0},
		{"drive=0xff", AT(drive), 0xff},
		{"sipi=auto", AT(sipi), OPT_SIPI_AUTO},
		{"sipi=icr", AT(sipi), OPT_SIPI_ICR},
		{"sipi=hold", AT(sipi), OPT_SIPI_HOLD},
		{"sipi=exit", AT(sipi), OPT_SIPI_EXIT},
		{"cpuid=lamina", AT(cpuid), OPT_CPUID_LAMINA},
		{"cpuid=native", AT(cpuid), OPT_CPUID_NATIVE},
		{"serial=com1", AT(serial), 0x3f8},
		{"serial=com2", AT(serial), 0x2f8},
		{"serial=0x3e8", AT(serial), 0x3e8},
		{"serial=0xffff", AT(serial), 0xffff},
		{"serial=off", AT(serial), 0},
		{"shutdown=reset", AT(shutdown), OPT_SHUTDOWN_RESET},
		{"shutdown=panic", AT(shutdown), OPT_SHUTDOWN_PANIC},
		{"vmx=on", AT(vmx), OPT_VMX_ON},
		{"vmx=off", AT(vmx), OPT_VMX_OFF},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct options o = parse(cases[i].word);

		assert_int_equal(warned, 0);
		assert_int_equal(*(u32 *)((u8 *)&o + cases[i].offset), cases[i].value);
	}
}

static void test_bad_words(void **state)
{
	static const char *const words[] = {
		"guest=",
		"guest",
		"guest=linu",
		"guest=linuxx",
		"guest=linux|bios",
		"guest==bios",
		"GUEST=bios",
		"guest=0x1",
		"drive=0x100",
		"drive=0x",
		"drive=0xg",
		"drive=0xNN",
		"drive=128",
		"drive=hd2",
		"serial=0x10000",
		"serial=0xPORT",
		"serial=0x3f8,",
		"vmx=1",
		"vmx=ON",
		"=",
		"=bios",
		"nonsense",
		"quiet=1",
		"gues=bios",
		"serial=0x1ffffffffffffffff",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct options def = parse(""), o = parse(words[i]);

		assert_int_equal(warned, 1);
		assert_non_null(strstr(warnings, words[i]));
		assert_memory_equal(&o, &def, sizeof(o));
	}
	parse("drive=hd7");
	assert_string_equal(warnings,
			    "option drive=hd7 ignored: allowed is drive=hd0|hd1|fd0|0xNN\n");
	parse("foo");
	assert_string_equal(warnings,
			    "option foo ignored: unknown; known are guest drive sipi cpuid "
			    "serial shutdown vmx\n");
}

static void test_many(void **state)
{
	struct options o =
		parse("/boot/lamina \t guest=bios\tbad drive=hd1\rguest=linux\nguest=bios "
		      "(hd0) vmx=off ");

	(void)state;
	assert_int_equal(warned, 2);
	assert_non_null(strstr(warnings, "option bad "));
	assert_non_null(strstr(warnings, "option (hd0) "));
	assert_int_equal(o.guest, OPT_GUEST_BIOS);
	assert_int_equal(o.drive, 0x81);
	assert_int_equal(o.vmx, OPT_VMX_OFF);
}

/* Words of any length and bytes come out short and printable. */
static void test_ugly(void **state)
{
	static char longest[1024];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	parse(longest);
	assert_int_equal(warned, 1);
	parse("!~\x7f\x1f");
	assert_non_null(strstr(warnings, "option !~?? "));
	parse("gu\x1b[31mest\xff=1");
	assert_int_equal(warned, 1);
	assert_non_null(strstr(warnings, "gu?[31mest?=1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),  cmocka_unit_test(test_each_word),
		cmocka_unit_test(test_bad_words), cmocka_unit_test(test_many),
		cmocka_unit_test(test_ugly),
	};

	return RUN(tests);
}
