/* SPDX-License-Identifier: MIT */
/* Any text as a command line. */
#include "fuzz.h"
#include "core/options.h"

static void note(void *ctx, const char *line)
{
	(*(size_t *)ctx)++;
	for (; *line; line++)
		MUST(*line >= ' ' && *line < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);
	struct options o;
	size_t warnings = 0;

	if (size)
		memcpy(line, data, size);
	line[size] = 0;
	options_parse(line, &o, note, &warnings);
	free(line);
	MUST(warnings <= (size + 1) / 2);
	MUST(o.guest <= OPT_GUEST_BIOS && o.drive <= 0xff && o.sipi <= OPT_SIPI_EXIT);
	MUST(o.cpuid <= OPT_CPUID_NATIVE && o.serial <= 0xffff && o.vmx <= OPT_VMX_ON);
	MUST(o.shutdown <= OPT_SHUTDOWN_PANIC && o.log <= OPT_LOG_CR);
	return 0;
}
