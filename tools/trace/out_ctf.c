/* SPDX-License-Identifier: MIT */
/*
 * Common Trace Format 1.8: a folder with the file metadata, in TSDL, and a stream per CPU, which is
 * one packet: its length is that of the file. All fields are whole bytes.
 */
#include "tools/trace/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CTF_MAGIC 0xc1fc1fc1u

struct ctf {
	char folder[4000];
	FILE *stream[TRACE_CPUS];
	u64 last[TRACE_CPUS]; /* time: must not go back */
	bool described;
};

static FILE *file_in(const char *folder, const char *name)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return fopen(path, "wb");
}

static void *ctf_open(const char *out)
{
	struct ctf *c;

	if (strlen(out) >= sizeof(c->folder)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	if (mkdir(out, 0777))
		return NULL;
	c = calloc(1, sizeof(*c));
	if (c)
		memcpy(c->folder, out, strlen(out));
	return c;
}

static void enumeration(FILE *f, const char *name, u32 kind, u32 count)
{
	struct trace_item r = {.kind = (u8)kind};

	fprintf(f, "enum %s : u8 {", name);
	for (u32 i = 0; i < count; i++) {
		r.sub = (u8)i;
		fprintf(f, "%s \"%s\" = %u", i ? "," : "", trace_name(&r), i);
	}
	fputs(" };\n", f);
}

/* Values of each record: an exit may have two, whose meaning is that of its kind. */
static u32 fields(u32 kind)
{
	struct trace_item i = {.kind = (u8)kind};
	u32 n = 0;

	if (kind == TRACE_EXIT)
		return 2;
	while (n < TRACE_VALUES && trace_value_name(&i, n))
		n++;
	return n;
}

static void event(FILE *f, u32 kind, const char *sub)
{
	struct trace_item r = {.kind = (u8)kind};
	const char *name;

	fprintf(f,
		"event {\n\tname = \"%s\";\n\tid = %u;\n\tstream_id = 0;\n\tfields := struct {\n",
		trace_category(&r), kind);
	fprintf(f, "\t\t%s what; u8 flags; u64 seq; x64 rip;\n\t\t", sub);
	for (u32 v = 0; v < fields(kind); v++) {
		name = trace_value_name(&r, v);
		fprintf(f, "x64 %s; ", name ? name : v ? "value" : "about");
	}
	fputs("\n\t};\n};\n", f);
}

static bool metadata(struct ctf *c, bool has_khz)
{
	FILE *f = file_in(c->folder, "metadata");

	c->described = true;
	if (!f)
		return false;
	fputs("/* CTF 1.8 */\n"
	      "typealias integer { size = 8; align = 8; signed = false; } := u8;\n"
	      "typealias integer { size = 32; align = 8; signed = false; } := u32;\n"
	      "typealias integer { size = 64; align = 8; signed = false; } := u64;\n"
	      "typealias integer { size = 64; align = 8; signed = false; base = 16; } := x64;\n"
	      "trace {\n\tmajor = 1;\n\tminor = 8;\n\tbyte_order = le;\n"
	      "\tpacket.header := struct { u32 magic; u32 stream_id; };\n};\n"
	      "env { tracer_name = \"lamina\"; };\n",
	      f);
	fprintf(f,
		"clock { name = tsc; freq = 1000000000; description = \"%s\"; };\n"
		"typealias integer { size = 64; align = 8; signed = false; map = clock.tsc.value; } := "
		"time;\n",
		has_khz ? "TSC in nanoseconds" : "TSC in ticks, taken as nanoseconds");
	fputs("stream {\n\tid = 0;\n\tpacket.context := struct { u32 cpu_id; };\n"
	      "\tevent.header := struct { u8 id; time timestamp; };\n};\n",
	      f);
	enumeration(f, "exit_kind", TRACE_EXIT, TRACE_EXITS);
	enumeration(f, "cr_access", TRACE_CR, 4);
	enumeration(f, "start_kind", TRACE_START, 4);
	event(f, TRACE_EXIT, "enum exit_kind");
	event(f, TRACE_CR, "enum cr_access");
	event(f, TRACE_VERDICT, "u8");
	event(f, TRACE_START, "enum start_kind");
	event(f, TRACE_NMI, "u8");
	event(f, TRACE_HYPAPP, "u8");
	return trace_close(f);
}

static FILE *stream(struct ctf *c, u32 cpu)
{
	const u32 head[] = {CTF_MAGIC, 0, cpu};
	char name[16];
	FILE *f;

	if (c->stream[cpu])
		return c->stream[cpu];
	snprintf(name, sizeof(name), "cpu%u", cpu);
	f = c->stream[cpu] = file_in(c->folder, name);
	return f && fwrite(head, 1, sizeof(head), f) == sizeof(head) ? f : NULL;
}

static u32 put(u8 *at, u64 v)
{
	memcpy(at, &v, 8);
	return 8;
}

static bool ctf(void *ctx, const struct trace_header *h, const struct trace_item *i)
{
	struct ctf *c = ctx;
	u8 out[128];
	u32 n = 1;
	FILE *f;

	if (!c->described && !metadata(c, h->tsc_khz))
		return false;
	f = stream(c, i->cpu);
	if (!f)
		return false;
	if (i->ns > c->last[i->cpu])
		c->last[i->cpu] = i->ns;
	out[0] = i->kind;
	n += put(out + n, c->last[i->cpu]);
	out[n++] = i->kind == TRACE_CR ? i->sub & TRACE_CR_ACCESS : i->sub;
	out[n++] = i->kind == TRACE_CR ? (u8)(i->sub & ~TRACE_CR_ACCESS) : 0;
	n += put(out + n, i->seq);
	n += put(out + n, i->r.rip);
	for (u32 v = 0; v < fields(i->kind); v++)
		n += put(out + n, v < i->count ? i->r.value[v] : 0);
	return fwrite(out, 1, n, f) == n;
}

static bool ctf_close(void *w)
{
	struct ctf *c = w;
	bool ok = c->described || metadata(c, false);

	for (u32 i = 0; i < TRACE_CPUS; i++)
		if (c->stream[i])
			ok = trace_close(c->stream[i]) && ok;
	free(c);
	return ok;
}

const struct trace_writer trace_ctf = {"ctf", ctf_open, ctf, ctf_close};
