/* SPDX-License-Identifier: MIT */
/*
 * Perfetto's Trace: a sequence of TracePackets with a TrackDescriptor per CPU and a TrackEvent, an
 * instant, per record. The field numbers are those of Perfetto's protos/perfetto/trace; the
 * encoding is that of Protocol Buffers.
 */
#include "tools/trace/trace.h"

#include <stdlib.h>
#include <string.h>

#define TRACE_PACKET 1

#define PACKET_TIMESTAMP   8
#define PACKET_SEQUENCE_ID 10
#define PACKET_EVENT	   11
#define PACKET_DESCRIPTOR  60

#define DESCRIPTOR_UUID	  1
#define DESCRIPTOR_NAME	  2
#define DESCRIPTOR_THREAD 4
#define THREAD_PID	  1
#define THREAD_TID	  2
#define THREAD_NAME	  5

#define EVENT_ANNOTATION   4
#define EVENT_TYPE	   9
#define EVENT_TYPE_INSTANT 3
#define EVENT_TRACK	   11
#define EVENT_CATEGORIES   22
#define EVENT_NAME	   23

#define ANNOTATION_UINT	   3
#define ANNOTATION_POINTER 7
#define ANNOTATION_NAME	   10

#define WIRE_VARINT 0u
#define WIRE_BYTES  2u

#define UUID(cpu)   ((u64)(cpu) + 1)
#define SEQUENCE_ID 1

/* A message that is being built; none of ours comes near the size. */
struct pb {
	u8 byte[1024];
	u32 n;
};

static void pb_varint(struct pb *m, u64 v)
{
	for (; v > 0x7f; v >>= 7)
		m->byte[m->n++] = (u8)(v | 0x80);
	m->byte[m->n++] = (u8)v;
}

static void pb_uint(struct pb *m, u32 field, u64 v)
{
	pb_varint(m, field << 3 | WIRE_VARINT);
	pb_varint(m, v);
}

static void pb_bytes(struct pb *m, u32 field, const void *p, size_t n)
{
	pb_varint(m, field << 3 | WIRE_BYTES);
	pb_varint(m, n);
	memcpy(m->byte + m->n, p, n);
	m->n += (u32)n;
}

static void pb_text(struct pb *m, u32 field, const char *s)
{
	pb_bytes(m, field, s, strlen(s));
}

static void pb_message(struct pb *m, u32 field, const struct pb *sub)
{
	pb_bytes(m, field, sub->byte, sub->n);
}

struct perfetto {
	FILE *f;
	bool described[TRACE_CPUS];
};

static bool packet(struct perfetto *p, struct pb *m)
{
	struct pb out = {.n = 0};

	pb_uint(m, PACKET_SEQUENCE_ID, SEQUENCE_ID);
	pb_message(&out, TRACE_PACKET, m);
	return fwrite(out.byte, 1, out.n, p->f) == out.n;
}

static bool describe(struct perfetto *p, u32 cpu, bool has_khz)
{
	struct pb thread = {.n = 0}, track = {.n = 0}, m = {.n = 0};
	char name[40];

	p->described[cpu] = true;
	snprintf(name, sizeof(name), "CPU %u%s", cpu, has_khz ? "" : " (1 ns is 1 tick)");
	pb_uint(&thread, THREAD_PID, 1);
	pb_uint(&thread, THREAD_TID, cpu + 1);
	pb_text(&thread, THREAD_NAME, name);
	pb_uint(&track, DESCRIPTOR_UUID, UUID(cpu));
	pb_text(&track, DESCRIPTOR_NAME, name);
	pb_message(&track, DESCRIPTOR_THREAD, &thread);
	pb_message(&m, PACKET_DESCRIPTOR, &track);
	return packet(p, &m);
}

static void annotate(struct pb *event, const char *name, u32 type, u64 v)
{
	struct pb a = {.n = 0};

	pb_text(&a, ANNOTATION_NAME, name);
	pb_uint(&a, type, v);
	pb_message(event, EVENT_ANNOTATION, &a);
}

static void *perfetto_open(const char *out)
{
	struct perfetto *p = calloc(1, sizeof(*p));

	if (p && !(p->f = trace_open(out))) {
		free(p);
		return NULL;
	}
	return p;
}

static bool perfetto(void *ctx, const struct trace_header *h, const struct trace_item *i)
{
	struct pb event = {.n = 0}, m = {.n = 0};
	const struct trace_record *r = &i->r;
	struct perfetto *p = ctx;
	const char *name;

	if (!p->described[i->cpu] && !describe(p, i->cpu, h->tsc_khz))
		return false;
	pb_uint(&event, EVENT_TYPE, EVENT_TYPE_INSTANT);
	pb_uint(&event, EVENT_TRACK, UUID(i->cpu));
	pb_text(&event, EVENT_CATEGORIES, trace_category(i));
	pb_text(&event, EVENT_NAME, trace_name(i));
	annotate(&event, "seq", ANNOTATION_UINT, i->seq);
	annotate(&event, "sub", ANNOTATION_UINT, i->sub);
	if (r->rip)
		annotate(&event, "rip", ANNOTATION_POINTER, r->rip);
	for (u32 v = 0; v < i->count; v++) {
		name = trace_value_name(i, v);
		annotate(&event, name ? name : "value", ANNOTATION_POINTER, r->value[v]);
	}
	pb_uint(&m, PACKET_TIMESTAMP, i->ns);
	pb_message(&m, PACKET_EVENT, &event);
	return packet(p, &m);
}

static bool perfetto_close(void *w)
{
	struct perfetto *p = w;
	FILE *f = p->f;

	free(p);
	return trace_close(f);
}

const struct trace_writer trace_perfetto = {"perfetto", perfetto_open, perfetto, perfetto_close};
