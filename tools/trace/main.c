/* SPDX-License-Identifier: MIT */
/* lamina-trace FORMAT IN OUT [KHZ]: script/lamina-trace.sh tells the rest. */
#include "tools/trace/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_LOST 3

static const struct trace_writer *const writers[] = {
	&trace_perfetto, &trace_ctf, &trace_chrome, &trace_show, &trace_plot, &trace_log,
};

static const struct trace_writer *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++)
		if (!strcmp(writers[i]->name, name))
			return writers[i];
	return NULL;
}

_Noreturn static void die(const char *what, const char *why)
{
	fprintf(stderr, "lamina: trace: %s: %s\n", what, why);
	exit(1);
}

int main(int argc, char **argv)
{
	const struct trace_writer *w = argc == 4 || argc == 5 ? find(argv[1]) : NULL;
	static struct trace_reader reader;
	static u8 piece[65536];
	char line[200];
	size_t n;
	FILE *in;
	bool bad;

	if (!w)
		die("usage", "lamina-trace perfetto|ctf|chrome|show|plot|log IN OUT [KHZ]");
	in = strcmp(argv[2], "-") ? fopen(argv[2], "rb") : stdin;
	if (!in)
		die(argv[2], strerror(errno));
	reader.khz = argc == 5 ? strtoull(argv[4], NULL, 10) : 0;
	reader.item = w->item;
	reader.ctx = w->open(argv[3]);
	if (!reader.ctx)
		die(argv[3], strerror(errno));
	while (!reader.failed && (n = fread(piece, 1, sizeof(piece), in)) > 0)
		trace_read(&reader, piece, n);
	bad = ferror(in);
	trace_end(&reader);
	if (!w->close(reader.ctx) || reader.failed)
		die(argv[3], "cannot write all of it");
	if (bad)
		die(argv[2], strerror(errno));
	if (!reader.lost.blocks)
		die(argv[2], "no trace in it");
	trace_summary(&reader.lost, line, sizeof(line));
	fprintf(stderr, "trace: %s\n", line);
	return trace_lost(&reader.lost) ? EXIT_LOST : 0;
}
