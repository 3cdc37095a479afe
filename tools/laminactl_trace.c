/* SPDX-License-Identifier: MIT */
#include "tools/laminactl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "hv/trace.h"

#define WORDS (TRACE_RECORD_SIZE / 8)

/* A header or record as a line: its words and the sum of their sums. */
static void print_line(FILE *out, const u64 *w)
{
	u64 sum = 0, sums = 0;

	fputs("lamina: " TRACE_WORD, out);
	for (unsigned int i = 0; i < WORDS; i++) {
		sums += sum += w[i];
		fprintf(out, "%016" PRIx64 " ", w[i]);
	}
	fprintf(out, "%" PRIx64 "\n", sums);
}

/* All that is there at first: to read it makes more. */
static int print_cpu(FILE *out, unsigned int cpu)
{
	static union {
		struct trace_header head;
		u64 words[LAMINA_TRACE_BYTES / 8];
	} block;
	struct lamina_trace t = {.cpu = cpu, .to = (uintptr_t)&block};
	u32 end;

	if (!dev_trace(&t))
		return 0;
	end = (u32)block.head.next;
	do {
		for (unsigned int i = 0; i <= t.count; i++)
			print_line(out, block.words + i * WORDS);
	} while (t.count && (s32)(end - t.at) > 0 && dev_trace(&t));
	return 1;
}

int ctl_trace(const cpu_set_t *online)
{
	unsigned int cpu = 0;
	char *text;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	(void)online;
	/* A terminal's interrupts would overwrite what is still to be read. */
	while (out && print_cpu(out, cpu))
		cpu++;
	if (!out || ferror(out) || fclose(out))
		dev_die("trace", "there is not enough memory for it");
	if (!cpu)
		dev_die("trace", "this Lamina keeps none (trace=off)");
	if (fwrite(text, 1, length, stdout) != length || fflush(stdout))
		dev_die("trace", "it cannot be written");
	free(text);
	return 0;
}
