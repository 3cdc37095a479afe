/* SPDX-License-Identifier: MIT */
#include "tools/trace/trace.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static u64 ns_of(const struct trace_header *h, u64 tsc)
{
	u64 khz = h->tsc_khz;

	/* in two parts, as the product of the whole would overflow */
	return khz ? tsc / khz * 1000000 + tsc % khz * 1000000 / khz : tsc;
}

static bool header_ok(const struct trace_header *h)
{
	return h->magic == TRACE_MAGIC && h->version == TRACE_VERSION &&
	       h->record_size == TRACE_RECORD_SIZE && h->capacity && h->capacity <= TRACE_MAX &&
	       !(h->capacity & (h->capacity - 1)) && h->count <= h->capacity &&
	       h->cpu < TRACE_CPUS && h->tsc_khz < 1000000000 && !(h->next % TRACE_RECORD_SIZE);
}

static int by_seq(const void *a, const void *b)
{
	const struct trace_item *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Which records of this CPU were given out already: none, after a new start. */
static bool remember(struct trace_reader *t)
{
	u32 c = t->head.cpu;

	if (t->cpu[c].given && t->cpu[c].start == t->head.start_tsc &&
	    t->cpu[c].capacity == t->head.capacity)
		return true;
	free(t->cpu[c].given);
	t->cpu[c].start = t->head.start_tsc;
	t->cpu[c].capacity = t->head.capacity;
	t->cpu[c].next = 0;
	t->cpu[c].given = calloc(t->head.capacity, sizeof(u32));
	return t->cpu[c].given;
}

static void give(struct trace_reader *t, const struct trace_item *i)
{
	u32 *given = &t->cpu[i->cpu].given[i->seq & (t->head.capacity - 1)];

	if (*given == (u32)i->seq + 1) {
		t->lost.again++;
		return;
	}
	*given = (u32)i->seq + 1;
	t->lost.records++;
	t->failed = !t->item(t->ctx, &t->head, i);
}

/* What was found of the block goes out in order, each record once. */
static void block_end(struct trace_reader *t)
{
	u64 *next = &t->cpu[t->head.cpu].next;

	if (!t->in_block)
		return;
	t->in_block = false;
	t->lost.cut += t->due - t->seen;
	if (!remember(t))
		t->failed = true;
	if (t->held_count)
		qsort(t->held, t->held_count, sizeof(t->held[0]), by_seq);
	if (t->held_count && t->held[0].seq > *next &&
	    t->head.next / TRACE_RECORD_SIZE - *next >= t->head.capacity)
		t->lost.overwritten += t->held[0].seq - *next;
	for (u32 i = 0; i < t->held_count && !t->failed; i++)
		give(t, &t->held[i]);
	if (t->held_count && t->held[t->held_count - 1].seq >= *next)
		*next = t->held[t->held_count - 1].seq + 1;
	t->held_count = 0;
}

/* Of a whole ring in text come the records that there are, but for the oldest if it is full. */
static u32 due(const struct trace_header *h, bool text)
{
	u64 written = h->next / TRACE_RECORD_SIZE;

	if (!text || h->count < h->capacity)
		return h->count;
	return written < h->capacity ? (u32)written : h->capacity - 1;
}

static void block_begin(struct trace_reader *t, const u8 *raw, bool text)
{
	block_end(t);
	memcpy(&t->head, raw, sizeof(t->head));
	if (!t->head.tsc_khz)
		t->head.tsc_khz = t->khz;
	t->in_block = true;
	t->in_text = text;
	t->seen = 0;
	t->due = due(&t->head, text);
	t->lost.blocks++;
	if (!t->due)
		block_end(t);
}

static bool hold(struct trace_reader *t, const struct trace_item *i)
{
	if (t->held_count == t->held_room) {
		u32 room = t->held_room ? t->held_room * 2 : 256;
		struct trace_item *more = realloc(t->held, room * sizeof(*more));

		if (!more)
			return false;
		t->held = more;
		t->held_room = room;
	}
	t->held[t->held_count++] = *i;
	return true;
}

/* False: it makes no sense in this block. */
static bool understand(const struct trace_header *h, const u8 *raw, struct trace_item *i)
{
	u64 at;

	memcpy(&i->r, raw, sizeof(i->r));
	at = h->next - (u32)((u32)h->next - i->r.at);
	i->seq = at / TRACE_RECORD_SIZE;
	i->ns = ns_of(h, (u64)i->r.tsc[1] << 32 | i->r.tsc[0]);
	i->cpu = h->cpu;
	i->kind = TRACE_KIND(i->r.what);
	i->sub = TRACE_SUB(i->r.what);
	i->count = (u8)TRACE_COUNT(i->r.what);
	return i->kind < TRACE_KINDS && TRACE_COUNT(i->r.what) <= TRACE_VALUES &&
	       (i->kind != TRACE_EXIT || i->sub < TRACE_EXITS) &&
	       i->r.at % TRACE_RECORD_SIZE == 0 && at < h->next &&
	       h->next - at <= (u64)h->capacity * TRACE_RECORD_SIZE;
}

static bool all_zero(const u8 *raw)
{
	for (u32 i = 0; i < TRACE_RECORD_SIZE; i++)
		if (raw[i])
			return false;
	return true;
}

/* The next place of the block. */
static void place(struct trace_reader *t, const u8 *raw)
{
	struct trace_item i;

	t->seen++;
	if (all_zero(raw))
		t->doubt = false;
	else if (understand(&t->head, raw, &i)) {
		if (!hold(t, &i))
			t->failed = true;
		t->doubt = false;
	} else {
		t->lost.damaged++;
		t->doubt = true; /* bytes may be missing: a header may come at any of them */
	}
	if (t->seen == t->due)
		block_end(t);
}

/* 64 bytes behind a magic number, or behind a place of a block in binary form. */
static void raw_done(struct trace_reader *t)
{
	struct trace_header h;

	memcpy(&h, t->raw, sizeof(h));
	t->raw_count = 0;
	if (header_ok(&h)) {
		block_begin(t, t->raw, false);
	} else if (t->in_block && !t->in_text) {
		place(t, t->raw);
	}
}

bool trace_from_text(const char *text, u8 out[TRACE_RECORD_SIZE])
{
	u64 w, sum = 0, sums = 0;
	char *end;

	for (u32 i = 0; i < TRACE_RECORD_SIZE / 8; i++, text = end + 1) {
		w = strtoull(text, &end, 16);
		if (end != text + 16 || *end != ' ')
			return false;
		sums += sum += w;
		memcpy(out + 8 * i, &w, 8);
	}
	return isxdigit((u8)*text) && strtoull(text, &end, 16) == sums && !*end;
}

static void line_done(struct trace_reader *t)
{
	u8 raw[TRACE_RECORD_SIZE];
	struct trace_header h;

	t->line[t->line_count] = 0;
	if (t->line_count && t->line[t->line_count - 1] == '\r')
		t->line[t->line_count - 1] = 0;
	t->line_count = 0;
	if (!trace_from_text(t->line, raw)) {
		t->lost.damaged++;
		if (t->in_block && t->in_text && t->seen < t->due)
			t->seen++;
		return;
	}
	memcpy(&h, raw, sizeof(h));
	if (header_ok(&h)) {
		block_begin(t, raw, true);
	} else if (t->in_block && t->in_text) {
		place(t, raw);
	} else {
		t->lost.damaged++; /* nothing says whose it is */
	}
}

/* Until the line ends; what is too long is none. */
static bool line_goes_on(struct trace_reader *t, u8 b)
{
	if (b != '\n' && t->line_count < sizeof(t->line) - 1) {
		t->line[t->line_count++] = b ? (char)b : ' ';
		return true;
	}
	line_done(t);
	return false;
}

/* Do the last bytes end in TRACE_LINE? */
static bool line_begins(const struct trace_reader *t)
{
	static const char word[] = TRACE_LINE;
	u64 last, before = 0;

	_Static_assert(sizeof(word) == 15, "six bytes and eight");
	memcpy(&last, word + 6, 8);
	memcpy(&before, word, 6);
	return t->window[1] == last && t->window[0] >> 16 == before;
}

static void byte(struct trace_reader *t, u8 b)
{
	t->window[0] = t->window[0] >> 8 | t->window[1] << 56;
	t->window[1] = t->window[1] >> 8 | (u64)b << 56;
	if (t->scan == SCAN_LINE) {
		if (!line_goes_on(t, b))
			t->scan = SCAN_NOTHING;
		return;
	}
	if (t->scan == SCAN_RAW && !t->doubt) {
		t->raw[t->raw_count++] = b;
	} else if (t->window[1] == TRACE_MAGIC) {
		memcpy(t->raw, &t->window[1], 8);
		t->raw_count = 8;
		t->scan = SCAN_RAW;
		t->doubt = false;
	} else if (t->scan == SCAN_RAW) {
		t->raw[t->raw_count++] = b;
	} else if (line_begins(t)) {
		t->scan = SCAN_LINE;
	}
	if (t->raw_count == TRACE_RECORD_SIZE) {
		raw_done(t);
		t->scan = t->in_block && !t->in_text ? SCAN_RAW : SCAN_NOTHING;
	}
}

void trace_read(struct trace_reader *t, const u8 *data, size_t n)
{
	for (size_t i = 0; i < n && !t->failed; i++)
		byte(t, data[i]);
}

void trace_end(struct trace_reader *t)
{
	if (t->scan == SCAN_LINE && t->line_count)
		line_done(t);
	block_end(t);
	for (u32 i = 0; i < TRACE_CPUS; i++) {
		free(t->cpu[i].given);
		t->cpu[i].given = NULL;
	}
	free(t->held);
	t->held = NULL;
	t->held_count = t->held_room = 0;
}

bool trace_lost(const struct trace_losses *l)
{
	return l->damaged || l->cut;
}

void trace_summary(const struct trace_losses *l, char *line, size_t size)
{
	int n = snprintf(line, size, "%llu records of %llu blocks", (unsigned long long)l->records,
			 (unsigned long long)l->blocks);
	const struct {
		u64 count;
		const char *what;
	} also[] = {
		{l->overwritten, "older ones were overwritten"},
		{l->again, "were there twice"},
		{l->damaged, "LOST: damaged"},
		{l->cut, "LOST: cut off"},
	};

	for (u32 i = 0; i < ARRAY_SIZE(also) && n >= 0 && (size_t)n < size; i++)
		if (also[i].count)
			n += snprintf(line + n, size - (size_t)n, ", %llu %s",
				      (unsigned long long)also[i].count, also[i].what);
}
