/* SPDX-License-Identifier: MIT */
/*
 * What lamina trace reads: any bytes, or a ring as Lamina keeps it that was damaged, in binary or
 * in text. Each record comes out once, makes sense, and none is lost where nothing was damaged.
 */
#include "fuzz.h"

#include <inttypes.h>
#include <stdio.h>

#include "tools/trace/trace.h"

#define RECORDS 4u

static u64 given;
static u64 last_seq[TRACE_CPUS];

static bool item(void *ctx, const struct trace_header *h, const struct trace_item *i)
{
	(void)ctx;
	MUST(i->cpu == h->cpu && i->cpu < TRACE_CPUS && i->kind < TRACE_KINDS);
	MUST(i->count <= TRACE_VALUES && trace_name(i)[0] && trace_category(i)[0]);
	MUST(i->seq < h->next / TRACE_RECORD_SIZE);
	MUST(i->seq + h->capacity >= h->next / TRACE_RECORD_SIZE);
	for (u32 v = 0; v < TRACE_VALUES; v++)
		MUST(!trace_value_name(i, v) || trace_value_name(i, v)[0]);
	last_seq[i->cpu] = i->seq;
	given++;
	return true;
}

/* A ring of one CPU after `written` records. */
static void make_ring(u8 *out, u64 written, u32 cpu)
{
	struct trace_header h = {.magic = TRACE_MAGIC,
				 .version = TRACE_VERSION,
				 .record_size = TRACE_RECORD_SIZE,
				 .count = RECORDS,
				 .capacity = RECORDS,
				 .cpu = cpu,
				 .next = written * TRACE_RECORD_SIZE};

	memset(out, 0, (RECORDS + 1) * TRACE_RECORD_SIZE);
	memcpy(out, &h, sizeof(h));
	for (u64 s = written > RECORDS ? written - RECORDS : 0; s < written; s++) {
		struct trace_record r = {.tsc = {(u32)s + 1, 0},
					 .at = (u32)(s * TRACE_RECORD_SIZE),
					 .what = TRACE_WHAT(s % TRACE_KINDS, s % 4, s % 6)};

		memcpy(out + (s % RECORDS + 1) * TRACE_RECORD_SIZE, &r, sizeof(r));
	}
}

static size_t text_line(char *out, const u8 *raw)
{
	u64 w[8], sum = 0, sums = 0;
	int n = sprintf(out, "%s", TRACE_LINE);

	memcpy(w, raw, sizeof(w));
	for (u32 i = 0; i < 8; i++) {
		sums += sum += w[i];
		n += sprintf(out + n, "%016" PRIx64 " ", w[i]);
	}
	return (size_t)(n + sprintf(out + n, "%" PRIx64 "\r\n", sums));
}

static void feed(struct trace_reader *t, const u8 *p, size_t n, size_t piece)
{
	for (size_t at = 0; at < n; at += piece)
		trace_read(t, p + at, n - at < piece ? n - at : piece);
	trace_end(t);
	MUST(!t->failed && t->lost.records == given);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static u8 ring[2 * (RECORDS + 1) * TRACE_RECORD_SIZE], text[8192];
	static struct trace_reader t;
	struct input in = {data, size};
	u64 how = take(&in, 1), written = take(&in, 2);
	size_t piece = 1 + take(&in, 1), n = 0;
	u64 due = 2 * (written < RECORDS ? written : RECORDS);

	memset(&t, 0, sizeof(t));
	t.item = item;
	given = 0;
	if (how % 4 == 0) {
		feed(&t, in.p, in.left, piece);
		return 0;
	}
	make_ring(ring, written, 0);
	make_ring(ring + sizeof(ring) / 2, written, 63);
	if (how % 4 == 1) { /* sound */
		feed(&t, ring, sizeof(ring), piece);
		MUST(given == due && !trace_lost(&t.lost) && t.lost.blocks == 2);
		return 0;
	}
	if (how % 4 == 2)
		damage(ring, sizeof(ring), &in);
	for (size_t at = 0; how & 4 && at < sizeof(ring); at += TRACE_RECORD_SIZE)
		n += text_line((char *)text + n, ring + at);
	if (how % 4 == 3 && n)
		damage(text, n, &in);
	if (how & 4)
		feed(&t, text, n, piece);
	else
		feed(&t, ring, sizeof(ring), piece);
	MUST(given <= due + 2 * RECORDS);
	return 0;
}
