/* SPDX-License-Identifier: MIT */
#include "tools/laminactl.h"

#include <inttypes.h>
#include <stdio.h>

#include "hv/trace.h"

#define WORDS (TRACE_RECORD_SIZE / 8)

/* A header or record as a line: its words and the sum of their sums. */
static void print_line(const u64 *w)
{
	u64 sum = 0, sums = 0;

	printf("lamina: " TRACE_WORD);
	for (unsigned int i = 0; i < WORDS; i++) {
		sums += sum += w[i];
		printf("%016" PRIx64 " ", w[i]);
	}
	printf("%" PRIx64 "\n", sums);
}

/* All that is there at first: to print it makes more. */
static int print_cpu(unsigned int cpu)
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
			print_line(block.words + i * WORDS);
	} while (t.count && (s32)(end - t.at) > 0 && dev_trace(&t));
	return 1;
}

int ctl_trace(const cpu_set_t *online)
{
	unsigned int cpu = 0;

	(void)online;
	while (print_cpu(cpu))
		cpu++;
	if (!cpu)
		dev_die("trace", "this Lamina keeps none (trace=off)");
	if (fflush(stdout) || ferror(stdout))
		dev_die("trace", "it cannot be written");
	return 0;
}
