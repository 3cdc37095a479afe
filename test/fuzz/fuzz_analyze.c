/* SPDX-License-Identifier: MIT */
/* lamina analyze on any bytes: each access comes out once, with a verdict that its evidence allows.
 */
#include "fuzz.h"
#include "tools/analyze/analyze.h"

static u32 accesses;

static void found(void *ctx, const struct access *a, const struct machine_facts *m)
{
	const u64 state = HAS_OWNED | HAS_SHADOW;
	struct judgement j;

	(void)ctx;
	accesses++;
	judge(a, m, &j);
	MUST(j.verdict < V_COUNT && j.evidence[0] && !strchr(j.evidence, '\n'));
	MUST((j.verdict == V_UNDECIDED) == (j.need != NULL));
	/* without mask and shadow only a line of Lamina's accuses anybody */
	if (!a->from_lamina && (a->has & state) != state)
		MUST(j.verdict == V_UNDECIDED || (j.verdict == V_LAMINA && a->hw != a->owned));
	MUST(verdict_name(j.verdict, m)[0]);
}

static void said(void *ctx, enum verdict v, const char *text)
{
	(void)ctx;
	MUST(v < V_COUNT && text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct analysis an;
	char line[1024];
	size_t n = 0;

	an = (struct analysis){.found = found, .said = said};
	accesses = 0;
	for (size_t i = 0; i <= size; i++) {
		if (i < size && data[i] != '\n' && n < sizeof(line) - 1) {
			line[n++] = data[i] ? (char)data[i] : ' ';
			continue;
		}
		line[n] = 0;
		n = 0;
		analyze_line(&an, line);
	}
	analyze_end(&an);
	MUST(accesses <= an.lines && an.understood <= an.lines);
	return 0;
}
