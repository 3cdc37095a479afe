/* SPDX-License-Identifier: MIT */
#include "testkernel/tap.h"
#include "testkernel/console.h"
#include "testkernel/cpu.h"
#include "testkernel/quirks.h"

#define NOTES_PER_CASE 8

static const char *group;
static u32 cases, failed_cases;
static u32 checks, failed_checks; /* of the present case */

static void line(const char *start, const char *f, va_list ap)
{
	char text[200];

	fmt_va(text, sizeof(text), f, ap);
	print("%s%s\n", start, text);
}

void tap_group(const char *name)
{
	group = name;
	checks = failed_checks = 0;
}

void check(bool ok, const char *f, ...)
{
	va_list ap;

	checks++;
	if (ok)
		return;
	if (++failed_checks <= NOTES_PER_CASE) {
		print("# cpu %u, ", this_cpu()->index);
		va_start(ap, f);
		line("", f, ap);
		va_end(ap);
	}
}

void tap(const char *f, ...)
{
	bool skipped = !checks && cpu_count == 1;
	bool ok = skipped || (checks && !failed_checks);
	char text[200];
	va_list ap;

	cases++;
	if (!ok) {
		failed_cases++;
		print("# %u of %u checks failed\n", failed_checks, checks);
	}
	quirks_note();
	va_start(ap, f);
	fmt_va(text, sizeof(text), f, ap);
	va_end(ap);
	print("%s %u - %s: %s%s\n", ok ? "ok" : "not ok", cases, group, text,
	      skipped ? " # SKIP needs a second CPU" : "");
	checks = failed_checks = 0;
}

void tap_skip(const char *text, const char *reason)
{
	cases++;
	print("ok %u - %s: %s # SKIP %s\n", cases, group, text, reason);
}

void note(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	line("# ", f, ap);
	va_end(ap);
}

void tap_end(void)
{
	print("1..%u\n", cases);
	note("%u of %u cases failed", failed_cases, cases);
}
