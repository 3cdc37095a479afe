/* SPDX-License-Identifier: MIT */
/* One line a record, for the terminal and for grep, and the JSON that Chrome reads. */
#include "tools/trace/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

FILE *trace_open(const char *out)
{
	return strcmp(out, "-") ? fopen(out, "wb") : stdout;
}

bool trace_close(FILE *f)
{
	bool ok = !ferror(f) && !fflush(f);

	return (f == stdout || !fclose(f)) && ok;
}

static void *open_plain(const char *out)
{
	return trace_open(out);
}

static bool close_plain(void *w)
{
	return trace_close(w);
}

static void show_flags(FILE *f, const struct trace_item *i)
{
	if (i->kind == TRACE_CR && (i->sub & TRACE_CR_REFUSED))
		fputs(" refused", f);
	if (i->kind == TRACE_CR && (i->sub & TRACE_CR_UNEXPECTED))
		fputs(" UNEXPECTED", f);
	if (i->kind == TRACE_VERDICT)
		fprintf(f, " %u", i->sub);
}

static bool show(void *ctx, const struct trace_header *h, const struct trace_item *i)
{
	const struct trace_record *r = &i->r;
	const char *name;
	FILE *f = ctx;

	(void)h;
	fprintf(f, "%20" PRIu64 " cpu%-2u %-8" PRIu64 " %-16s", i->ns, i->cpu, i->seq,
		trace_name(i));
	if (r->rip)
		fprintf(f, " rip=%" PRIx64, r->rip);
	for (u32 v = 0; v < i->count; v++) {
		name = trace_value_name(i, v);
		fprintf(f, " %s=%" PRIx64, name ? name : "?", r->value[v]);
	}
	show_flags(f, i);
	return fputc('\n', f) != EOF;
}

const struct trace_writer trace_show = {"show", open_plain, show, close_plain};

/* The trace event format; its times are microseconds. */
struct chrome {
	FILE *f;
	bool begun;
};

static void *chrome_open(const char *out)
{
	struct chrome *c = calloc(1, sizeof(*c));

	if (c && !(c->f = trace_open(out))) {
		free(c);
		return NULL;
	}
	if (c)
		fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", c->f);
	return c;
}

static bool chrome(void *ctx, const struct trace_header *h, const struct trace_item *i)
{
	const struct trace_record *r = &i->r;
	struct chrome *c = ctx;
	const char *name;

	(void)h;
	fprintf(c->f,
		"%s\n{\"name\":\"%s\",\"cat\":\"%s\",\"ph\":\"i\",\"s\":\"t\",\"pid\":1,\"tid\":%u,"
		"\"ts\":%" PRIu64 ".%03u,\"args\":{\"seq\":%" PRIu64 ",\"rip\":\"%" PRIx64 "\"",
		c->begun ? "," : "", trace_name(i), trace_category(i), i->cpu, i->ns / 1000,
		(u32)(i->ns % 1000), i->seq, r->rip);
	c->begun = true;
	for (u32 v = 0; v < i->count; v++) {
		name = trace_value_name(i, v);
		fprintf(c->f, ",\"%s%.0u\":\"%" PRIx64 "\"", name ? name : "v", name ? 0 : v + 1,
			r->value[v]);
	}
	if (i->kind == TRACE_CR || i->kind == TRACE_VERDICT)
		fprintf(c->f, ",\"sub\":%u", i->sub);
	return fputs("}}", c->f) != EOF;
}

static bool chrome_close(void *w)
{
	struct chrome *c = w;
	FILE *f = c->f;

	free(c);
	fputs("\n]}\n", f);
	return trace_close(f);
}

const struct trace_writer trace_chrome = {"chrome", chrome_open, chrome, chrome_close};
