/* SPDX-License-Identifier: MIT */
/* lamina-analyze FILE: reads a serial log and says whose fault the accesses to CR0 and CR4 in it
 * are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/analyze/analyze.h"
#include "x86/cr.h"

#define SHOWN_MAX 12u	/* accesses that are shown whole; the others are counted */
#define LINE_SIZE 4096u /* what is longer is read in pieces */

/* Exit codes; the worst verdict wins, in the order of `worst`. */
enum {
	EXIT_ALL_OK = 0,
	EXIT_NOTHING = 1,
	EXIT_GUEST = 3,
	EXIT_PLATFORM,
	EXIT_LAMINA,
	EXIT_UNDECIDED
};
static const enum verdict worst[] = {V_LAMINA, V_PLATFORM, V_UNDECIDED, V_GUEST};
static const int code_of[V_COUNT] = {[V_OK] = EXIT_ALL_OK,
				     [V_GUEST] = EXIT_GUEST,
				     [V_PLATFORM] = EXIT_PLATFORM,
				     [V_LAMINA] = EXIT_LAMINA,
				     [V_UNDECIDED] = EXIT_UNDECIDED};

struct report {
	u32 count[V_COUNT];
	u32 shown;
};

static const char *next_step(enum verdict v)
{
	static const char *const step[V_COUNT] = {
		[V_OK] = "",
		[V_PLATFORM] = "boot with probe=only: it needs no guest; then look below Lamina",
		[V_GUEST] = "nothing to repair: the guest gets #GP, as without the feature",
		[V_LAMINA] = "boot with log=cr cr0.own=all cr4.own=all, and report the whole log",
		[V_UNDECIDED] =
			"boot Lamina with probe=only; then with log=cr, and analyze that log",
	};

	return step[v];
}

static void what_it_does(const struct access *a)
{
	char names[80];
	u64 known = a->has & HAS_VALUE;
	struct crm_cr c = {.hw = a->hw, .shadow = a->shadow, .owned = a->owned};
	u64 all = HAS_HW | HAS_OWNED | HAS_SHADOW;

	if (known && (a->has & HAS_HW))
		printf("    guest:   from the real value %llx it changes %s\n",
		       (unsigned long long)a->hw,
		       bit_names(a->cr, a->value ^ a->hw, names, sizeof(names)));
	if (known && (a->has & all) == all)
		printf("    rule:    it may read %llx (L1); a write of %llx %s (L2), as it changes %s\n",
		       (unsigned long long)crm_read(&c), (unsigned long long)a->value,
		       crm_write_exits(&c, a->value) ? "exits" : "does not exit",
		       bit_names(a->cr, a->value ^ crm_read(&c), names, sizeof(names)));
}

static void where(const struct access *a)
{
	static const char *const op[] = {[CRM_MOV_TO] = "writes",
					 [CRM_MOV_FROM] = "reads",
					 [CRM_LMSW] = "writes (LMSW)",
					 [CRM_CLTS] = "writes (CLTS)"};

	printf("line %u: ", a->line);
	if (a->has & HAS_CPU)
		printf("CPU %u ", a->cpu);
	else
		printf("a CPU ");
	if (a->has & HAS_RIP)
		printf("at %04x:%llx ", a->cs, (unsigned long long)a->rip);
	printf("%s CR%d", op[a->op], a->cr == CRM_CR0 ? 0 : 4);
	if (a->has & HAS_VALUE)
		printf(": %llx", (unsigned long long)a->value);
	printf("\n");
}

static void found(void *ctx, const struct access *a, const struct machine_facts *m)
{
	struct report *r = ctx;
	struct judgement j;

	judge(a, m, &j);
	r->count[j.verdict]++;
	if (j.verdict == V_OK || ++r->shown > SHOWN_MAX)
		return;
	where(a);
	what_it_does(a);
	printf("    verdict: %s: %s\n", verdict_name(j.verdict, m), j.evidence);
	if (j.need)
		printf("    decides: %s\n", j.need);
	printf("    next:    %s\n", next_step(j.verdict));
}

static void said(void *ctx, enum verdict v, const char *text)
{
	static const char *const name[V_COUNT] = {"ok", "guest", "platform", "Lamina", "undecided"};
	struct report *r = ctx;

	r->count[v]++;
	if (++r->shown <= SHOWN_MAX)
		printf("verdict: %s: Lamina says \"%s\"\n    next:    %s\n", name[v], text,
		       next_step(v));
}

/* One line or a piece of a long one, with NUL bytes made blanks. False: the end. */
static bool read_line(FILE *f, char *line)
{
	size_t n = 0;
	int c;

	while ((c = getc(f)) != EOF && c != '\n' && n < LINE_SIZE - 1)
		line[n++] = (char)(c && c != '\r' ? c : ' ');
	line[n] = 0;
	return n || c != EOF;
}

static int summary(const struct analysis *an, const struct report *r)
{
	u32 total = 0;

	for (u32 v = 0; v < V_COUNT; v++)
		total += r->count[v];
	printf("%u lines, %u understood", an->lines, an->understood);
	if (an->damaged)
		printf(", %u of Lamina's damaged or cut off", an->damaged);
	printf("; verdicts: %u ok, %u guest, %u platform, %u Lamina, %u undecided\n",
	       r->count[V_OK], r->count[V_GUEST], r->count[V_PLATFORM], r->count[V_LAMINA],
	       r->count[V_UNDECIDED]);
	if (!total && !an->probe_lines) {
		fprintf(stderr,
			"lamina: analyze: no access to CR0 or CR4 in this log, and no word of the probe; "
			"lamina analyze --help shows what is understood\n");
		return EXIT_NOTHING;
	}
	for (size_t i = 0; i < ARRAY_SIZE(worst); i++)
		if (r->count[worst[i]])
			return code_of[worst[i]];
	return EXIT_ALL_OK;
}

static int analyze(FILE *f)
{
	static struct report r;
	static struct analysis an = {.found = found, .said = said, .ctx = &r};
	static char line[LINE_SIZE];

	while (read_line(f, line))
		analyze_line(&an, line);
	analyze_end(&an);
	return ferror(f) ? EXIT_NOTHING : summary(&an, &r);
}

int main(int argc, char **argv)
{
	FILE *f = stdin;
	int code;

	if (argc != 2) {
		fprintf(stderr, "usage: lamina-analyze FILE\n");
		return EXIT_NOTHING;
	}
	if (strcmp(argv[1], "-"))
		f = fopen(argv[1], "r");
	if (!f || (errno = 0, ungetc(getc(f), f) == EOF && ferror(f))) {
		fprintf(stderr, "lamina: analyze: %s: %s\n", argv[1], strerror(errno));
		return EXIT_NOTHING;
	}
	code = analyze(f);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "lamina: analyze: cannot write what was found\n");
		return EXIT_NOTHING;
	}
	return code;
}
