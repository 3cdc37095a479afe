/* SPDX-License-Identifier: MIT */
/* The CR exits as lines of Lamina's own log, for lamina analyze; the trace has no CS, so it is 0.
 */
#include "tools/trace/trace.h"

#include <inttypes.h>
#include <stdlib.h>

#include "crmodel/crm.h"

enum { HW, OWNED, SHADOW, VALUE, CR };

struct log {
	FILE *f;
	bool open; /* a line whose verdict may come yet */
};

static void *log_open(const char *out)
{
	struct log *l = calloc(1, sizeof(*l));

	if (l && !(l->f = trace_open(out))) {
		free(l);
		return NULL;
	}
	return l;
}

static void end_line(struct log *l)
{
	if (l->open)
		fputc('\n', l->f);
	l->open = false;
}

static void start_line(struct log *l, const struct trace_item *i)
{
	static const char *const insn[] = {"MOV CR", "MOV from CR", "CLTS", "LMSW"};
	const u64 *v = i->r.value;
	struct crm_cr c = {.hw = v[HW], .owned = v[OWNED], .shadow = v[SHADOW]};
	u32 access = i->sub & TRACE_CR_ACCESS;

	fprintf(l->f, "lamina: %scpu %u 0000:%" PRIx64 " %s%s ",
		i->sub & TRACE_CR_UNEXPECTED ? "unexpected exit, " : "", i->cpu, i->r.rip,
		insn[access],
		access > 1   ? ""
		: v[CR] == 4 ? "4"
			     : "0");
	fprintf(l->f, "%" PRIx64 " -> %" PRIx64 " hw %" PRIx64 " owned %" PRIx64, crm_read(&c),
		v[VALUE], c.hw, c.owned);
	fprintf(l->f, " shadow %" PRIx64 ": %s", c.shadow,
		i->sub & TRACE_CR_REFUSED ? "#GP" : "accepted");
	l->open = true;
}

static bool log_item(void *ctx, const struct trace_header *h, const struct trace_item *i)
{
	struct log *l = ctx;

	(void)h;
	if (i->kind == TRACE_VERDICT && l->open)
		fprintf(l->f, "; verdict: %s: bits %" PRIx64, trace_name(i), i->r.value[1]);
	end_line(l);
	if (i->kind == TRACE_CR && i->r.value[CR] != 3)
		start_line(l, i);
	return !ferror(l->f);
}

static bool log_close(void *w)
{
	struct log *l = w;
	FILE *f = l->f;

	end_line(l);
	free(l);
	return trace_close(f);
}

const struct trace_writer trace_log = {"log", log_open, log_item, log_close};
