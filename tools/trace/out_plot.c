/* SPDX-License-Identifier: MIT */
/*
 * Exit rates over time, as a program for gnuplot. Counts go into a fixed number of buckets, which
 * grow twice as wide whenever the time does not fit.
 */
#include "tools/trace/trace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 256u
#define LINES	(TRACE_EXITS + 1) /* one per kind of exit, and all that is no exit */

struct plot {
	FILE *f;
	u64 base, width, last; /* ns; the buckets begin at base, the last record was at last */
	bool begun, has_khz;
	u64 count[LINES][BUCKETS];
};

static void *plot_open(const char *out)
{
	struct plot *p = calloc(1, sizeof(*p));

	if (p && !(p->f = trace_open(out))) {
		free(p);
		return NULL;
	}
	return p;
}

/* Buckets twice as wide, whose first begins at a multiple of their width. */
static void widen(struct plot *p)
{
	u32 odd = p->base / p->width % 2;

	for (u32 l = 0; l < LINES; l++) {
		u64 old[BUCKETS + 1] = {0};

		memcpy(old + odd, p->count[l], (BUCKETS - odd) * sizeof(u64));
		if (odd) /* the last one would not fit; it goes where the next begins */
			old[BUCKETS] = p->count[l][BUCKETS - 1];
		for (u32 i = 0; i < BUCKETS; i++)
			p->count[l][i] = i < BUCKETS / 2 ? old[2 * i] + old[2 * i + 1] : 0;
		p->count[l][BUCKETS / 2] = old[BUCKETS];
	}
	p->base -= odd * p->width;
	p->width *= 2;
}

/* Makes room below the first bucket, if the last ones are empty. */
static bool shift(struct plot *p, u64 ns)
{
	u64 by = (p->base - ns + p->width - 1) / p->width;

	if (by >= BUCKETS || p->last >= p->base + (BUCKETS - by) * p->width)
		return false;
	for (u32 l = 0; l < LINES; l++) {
		memmove(p->count[l] + by, p->count[l], (BUCKETS - by) * sizeof(u64));
		memset(p->count[l], 0, by * sizeof(u64));
	}
	p->base -= by * p->width;
	return true;
}

static bool plot(void *ctx, const struct trace_header *h, const struct trace_item *i)
{
	struct plot *p = ctx;
	u32 line = i->kind == TRACE_EXIT ? i->sub
		   : i->kind == TRACE_CR ? TRACE_EXIT_CR
					 : TRACE_EXITS;

	if (!p->begun) {
		p->begun = true;
		p->base = p->last = i->ns;
		p->width = 1;
		p->has_khz = h->tsc_khz;
	}
	while (p->width < 1ULL << 54 &&
	       (i->ns < p->base ? !shift(p, i->ns) : (i->ns - p->base) / p->width >= BUCKETS))
		widen(p);
	if (i->ns < p->base || (i->ns - p->base) / p->width >= BUCKETS)
		return true; /* no clock of a machine gets there */
	if (i->ns > p->last)
		p->last = i->ns;
	p->count[line][(i->ns - p->base) / p->width]++;
	return true;
}

static u64 total(const struct plot *p, u32 line)
{
	u64 n = 0;

	for (u32 i = 0; i < BUCKETS; i++)
		n += p->count[line][i];
	return n;
}

static const char *line_name(u32 line)
{
	return line < TRACE_EXITS ? trace_exit_name(line) : "events";
}

static void program(const struct plot *p)
{
	const char *unit = p->has_khz ? "ms" : "million ticks";
	u32 used = p->width ? (u32)((p->last - p->base) / p->width) + 1 : 0;
	const char *comma = "plot";

	for (u32 l = 0; l < LINES; l++) {
		if (!total(p, l))
			continue;
		fprintf(p->f, "$d%u << EOD\n", l);
		for (u32 i = 0; i < used; i++)
			fprintf(p->f, "%.6f %.6f\n", (double)(p->base + i * p->width) / 1e6,
				(double)p->count[l][i] * 1e6 / (double)p->width);
		fputs("EOD\n", p->f);
	}
	fprintf(p->f,
		"set title 'exits of Lamina'\nset key outside center bottom\nset xlabel '%s'\nset ylabel 'per %s'\n",
		unit, unit);
	for (u32 l = 0; l < LINES; l++) {
		if (!total(p, l))
			continue;
		fprintf(p->f, "%s $d%u using 1:2 with steps title '%s, %" PRIu64 "' noenhanced",
			comma, l, line_name(l), total(p, l));
		comma = ",";
	}
	fputc('\n', p->f);
}

static bool plot_close(void *w)
{
	struct plot *p = w;
	FILE *f = p->f;

	if (p->begun)
		program(p);
	free(p);
	return trace_close(f);
}

const struct trace_writer trace_plot = {"plot", plot_open, plot, plot_close};
