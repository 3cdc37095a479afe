/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include "core/option_cr.h"
#include "core/options.h"
#include "x86/cr.h"

static char warnings[4096];
static u32 warned;

static void note(void *ctx, const char *line)
{
	assert_true(ctx == &warned);
	assert_null(strchr(line, '\n'));
	assert_true(strlen(line) < 200);
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
		assert_int_equal(o.trace, 128);
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
		{"trace=off", AT(trace), 0},
		{"trace=0x1000", AT(trace), 4096},
		{"trace_out=serial", AT(trace_out), OPT_TRACE_OUT_SERIAL},
		{"serial=com1", AT(serial), 0x3f8},
		{"serial=com2", AT(serial), 0x2f8},
		{"serial=0x3e8", AT(serial), 0x3e8},
		{"serial=0xffff", AT(serial), 0xffff},
		{"serial=off", AT(serial), 0},
		{"shutdown=reset", AT(shutdown), OPT_SHUTDOWN_RESET},
		{"shutdown=panic", AT(shutdown), OPT_SHUTDOWN_PANIC},
		{"vmx=on", AT(vmx), OPT_VMX_ON},
		{"vmx=off", AT(vmx), OPT_VMX_OFF},
		{"log=cr", AT(log), OPT_LOG_CR},
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
		"log=all",
		"trace=0x10000",
		"trace=12",
		"trace_out=com1",
		"cr0.own=",
		"cr0.own",
		"cr0.own=+",
		"cr0.own=min+",
		"cr0.own=+min",
		"cr0.own=min++all",
		"cr0.own=PGE",
		"cr0.own=10",
		"cr0.own=0x",
		"cr0.own=0x10000000000000000",
		"cr0.own=all@",
		"cr0.own=all@64",
		"cr0.own=all@x",
		"cr0.own=all@1@2",
		"cr0.own=@1",
		"cr4.own=pg",
		"cr4.own=WP",
		"cr4_own=all",
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
			    "serial shutdown vmx log quirk probe trace trace_out iommu cr0.own "
			    "cr4.own and those of hypapps\n");
}

static void test_cr_own(void **state)
{
	static const struct {
		const char *word;
		u64 mask;
		enum crm_name cr;
		bool forced_only;
	} cases[] = {
		{"cr0.own=min", 0, CRM_CR0, false},
		{"cr0.own=pg", CR0_PG, CRM_CR0, false},
		{"cr0.own=all", ~0ULL, CRM_CR0, false},
		{"cr0.own=none", 0, CRM_CR0, true},
		{"cr0.own=none+0x10000", CR0_WP, CRM_CR0, true},
		{"cr0.own=min+WP+TS", CR0_WP | CR0_TS, CRM_CR0, false},
		{"cr0.own=0x8+PG", CR0_TS | CR0_PG, CRM_CR0, false},
		{"cr4.own=all", ~0ULL, CRM_CR4, false},
		{"cr4.own=none+VMXE", CR4_VMXE, CRM_CR4, true},
		{"cr4.own=FRED+0xffffffffffffffff", ~0ULL, CRM_CR4, false},
		{"cr4.own=PSE+PAE+min", CR4_PSE | CR4_PAE, CRM_CR4, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct options o = parse(cases[i].word);

		assert_int_equal(warned, 0);
		for (u32 cpu = 0; cpu < MAX_CPUS; cpu++) {
			assert_int_equal(o.cr_own[cases[i].cr][cpu].mask, cases[i].mask);
			assert_int_equal(o.cr_own[cases[i].cr][cpu].forced_only,
					 cases[i].forced_only);
			assert_int_equal(o.cr_own[!cases[i].cr][cpu].mask, 0);
		}
	}
}

/* A later word wins, for the CPU it names only. */
static void test_cr_own_one(void **state)
{
	struct options o = parse("cr4.own=all cr4.own=PSE@1 cr4.own=none@63 cr0.own=pg@0");

	(void)state;
	assert_int_equal(warned, 0);
	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++) {
		u64 due = cpu == 1 ? CR4_PSE : cpu == 63 ? 0 : ~0ULL;

		assert_int_equal(o.cr_own[CRM_CR4][cpu].mask, due);
		assert_int_equal(o.cr_own[CRM_CR4][cpu].forced_only, cpu == 63);
		assert_int_equal(o.cr_own[CRM_CR0][cpu].mask, cpu ? 0 : CR0_PG);
	}
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
		cmocka_unit_test(test_defaults),   cmocka_unit_test(test_each_word),
		cmocka_unit_test(test_bad_words),  cmocka_unit_test(test_many),
		cmocka_unit_test(test_ugly),	   cmocka_unit_test(test_cr_own),
		cmocka_unit_test(test_cr_own_one),
	};

	return RUN(tests);
}
