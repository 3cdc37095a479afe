/* SPDX-License-Identifier: MIT */
/* What lamina trace finds in a stream of bytes, and what it writes. */
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"
#include "tools/trace/trace.h"

#define RECORDS 8u

static struct trace_item got[64];
static u32 count;

static bool item(void *ctx, const struct trace_header *h, const struct trace_item *i)
{
	(void)ctx;
	(void)h;
	assert_true(count < ARRAY_SIZE(got));
	got[count++] = *i;
	return true;
}

struct ring {
	struct trace_header head;
	struct trace_record record[RECORDS];
};

static struct ring ring(u32 cpu, u64 written)
{
	struct ring r = {.head = {.magic = TRACE_MAGIC,
				  .version = TRACE_VERSION,
				  .record_size = TRACE_RECORD_SIZE,
				  .count = RECORDS,
				  .capacity = RECORDS,
				  .cpu = cpu,
				  .next = written * TRACE_RECORD_SIZE}};

	for (u64 s = written > RECORDS ? written - RECORDS : 0; s < written; s++)
		r.record[s % RECORDS] = (struct trace_record){
			.tsc = {(u32)(1000 * s + 1), 0},
			.at = (u32)(s * TRACE_RECORD_SIZE),
			.what = TRACE_WHAT(TRACE_CR, TRACE_CR_UNEXPECTED, 5),
			.rip = 0x1000 + s,
			.value = {0x2030, 0x2000, 0x20, 0x30, 4},
		};
	return r;
}

static struct trace_losses read_all(const void *p, size_t n, size_t piece)
{
	struct trace_reader t = {.item = item};

	count = 0;
	for (size_t at = 0; at < n; at += piece)
		trace_read(&t, (const u8 *)p + at, n - at < piece ? n - at : piece);
	trace_end(&t);
	assert_false(t.failed);
	return t.lost;
}

/* Whatever lies before it, and in whatever pieces it comes. */
static void test_found(void **state)
{
	struct ring r = ring(3, 11);
	u8 buf[sizeof(r) + 70];

	(void)state;
	for (size_t before = 0; before < 70; before++) {
		struct trace_losses l;

		memset(buf, 'L', sizeof(buf));
		memcpy(buf + before, &r, sizeof(r));
		l = read_all(buf, sizeof(buf), before + 1);
		assert_int_equal(count, RECORDS);
		assert_int_equal(l.overwritten, 3);
		assert_false(trace_lost(&l));
		for (u32 i = 0; i < RECORDS; i++) {
			assert_int_equal(got[i].seq, 3 + i);
			assert_int_equal(got[i].cpu, 3);
			assert_int_equal(got[i].ns, 1000 * got[i].seq + 1);
		}
	}
}

/* A copy of the header on its own, with later records in it, takes nothing from the ring. */
static void test_stale(void **state)
{
	struct ring r[2] = {ring(0, 11), ring(0, 11)};
	struct trace_losses l;

	(void)state;
	memset(r[0].record, 0x55, sizeof(r[0].record));
	r[0].record[0] = r[1].record[(11 - 1) % RECORDS];
	l = read_all(r, sizeof(r), 100);
	assert_int_equal(count, RECORDS);
	assert_int_equal(l.again, 1);
	assert_int_equal(l.damaged, RECORDS - 1);
}

static void test_damaged(void **state)
{
	struct ring r[2] = {ring(0, 11), ring(1, 5)};
	struct trace_losses l;

	(void)state;
	r[0].record[4].what = 0xffff;
	l = read_all(r, sizeof(r), 4096);
	assert_int_equal(count, RECORDS - 1 + 5);
	assert_int_equal(l.damaged, 1);
	l = read_all(r, sizeof(r[0]) + 100, 4096); /* it ends */
	assert_int_equal(l.cut, RECORDS);
	memmove((u8 *)r + 100, (u8 *)r + 110, sizeof(r) - 110); /* ten bytes are missing */
	l = read_all(r, sizeof(r) - 10, 1);
	assert_true(trace_lost(&l));
	assert_int_equal(got[count - 1].cpu, 1);
	assert_int_equal(got[count - 1].seq, 4);
	r[0] = ring(0, 3);
	r[0].head.version = 2;
	l = read_all(r, sizeof(r[0]), 64);
	assert_int_equal(l.blocks, 0);
}

/* Two starts of the machine in one log: the second begins at 0 again. */
static void test_restart(void **state)
{
	struct ring r[3] = {ring(0, 5), ring(0, 5), ring(0, 4)};
	struct trace_losses l;

	(void)state;
	r[2].head.start_tsc = 77;
	l = read_all(r, sizeof(r), 64);
	assert_int_equal(count, 9);
	assert_int_equal(l.again, 5);
	assert_false(trace_lost(&l));
}

static void test_text(void **state)
{
	static const char zero[] =
		"lamina: trace 0000000000000000 0000000000000000 0000000000000000 "
		"0000000000000000 0000000000000000 0000000000000000 "
		"0000000000000000 0000000000000001 1\n";
	u8 out[TRACE_RECORD_SIZE];
	struct trace_losses l;
	char line[200];

	(void)state;
	snprintf(line, sizeof(line), "%.*s", (int)strlen(zero) - 1, zero);
	assert_true(trace_from_text(line + 14, out));
	assert_int_equal(out[56], 1);
	line[14 + 3] = '1';
	assert_false(trace_from_text(line + 14, out));
	line[14 + 3] = 'g';
	assert_false(trace_from_text(line + 14, out));
	assert_false(trace_from_text("", out));
	l = read_all(zero, strlen(zero), 1); /* no header before it */
	assert_int_equal(l.damaged, 1);
	assert_int_equal(count, 0);
}

static void test_khz(void **state)
{
	struct trace_reader t = {.item = item, .khz = 2000000};
	struct ring r = ring(0, 3);

	(void)state;
	count = 0;
	r.record[1].tsc[1] = 0xffffffff;
	trace_read(&t, (const u8 *)&r, sizeof(r));
	trace_end(&t);
	assert_int_equal(got[0].ns, 0);
	assert_int_equal(got[2].ns, 1000);
	assert_true(got[1].ns == (0xffffffff00000000 + 1001) / 2);
}

/* What w writes of a ring. */
static size_t written(const struct trace_writer *w, char *out, size_t size)
{
	char path[] = "/tmp/test_trace.XXXXXX";
	int fd = mkstemp(path);
	struct trace_reader t = {.item = w->item};
	struct ring r = ring(2, 3);
	size_t n;
	FILE *f;

	assert_true(fd >= 0);
	close(fd);
	t.ctx = w->open(path);
	assert_non_null(t.ctx);
	trace_read(&t, (const u8 *)&r, sizeof(r));
	trace_end(&t);
	assert_true(w->close(t.ctx));
	f = fopen(path, "rb");
	n = fread(out, 1, size - 1, f);
	out[n] = 0;
	fclose(f);
	unlink(path);
	return n;
}

static void test_writers(void **state)
{
	static const u8 first[] = {0x0a, 0x2e, 0xe2, 0x03}; /* packet; track_descriptor */
	char out[8192];

	(void)state;
	written(&trace_show, out, sizeof(out));
	assert_non_null(strstr(out, "2001 cpu2  2        MOV to CR        rip=1002 hw=2030 "
				    "owned=2000 shadow=20 value=30 cr=4 UNEXPECTED\n"));
	written(&trace_chrome, out, sizeof(out));
	assert_non_null(strstr(out,
			       "\"name\":\"MOV to CR\",\"cat\":\"cr\",\"ph\":\"i\",\"s\":\"t\","
			       "\"pid\":1,\"tid\":2,\"ts\":1.001,"));
	assert_non_null(strstr(out, "}}\n]}\n"));
	assert_true(written(&trace_perfetto, out, sizeof(out)) > 100);
	assert_int_equal((u8)out[0], first[0]);
	assert_int_equal((u8)out[2], first[2]);
	assert_int_equal((u8)out[3], first[3]);
	written(&trace_plot, out, sizeof(out));
	assert_non_null(strstr(out, "title 'CR, 3'"));
}

/* The buckets hold every record, whatever order they come in. */
static void test_plot(void **state)
{
	static const u32 at[] = {500, 100000, 3, 99999999, 0, 7, 4000000000u};
	char path[] = "/tmp/test_trace.XXXXXX", line[100];
	struct trace_header h = {.capacity = 8};
	int fd = mkstemp(path);
	double sum = 0, x, y, width = 0, before = -1;
	void *w;
	FILE *f;

	(void)state;
	close(fd);
	w = trace_plot.open(path);
	for (u32 i = 0; i < ARRAY_SIZE(at); i++)
		assert_true(trace_plot.item(w, &h, &(struct trace_item){.ns = at[i]}));
	assert_true(trace_plot.close(w));
	f = fopen(path, "r");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lf %lf", &x, &y) == 2) {
			width = before < 0 ? 0 : x - before;
			before = x;
			sum += y;
		}
	fclose(f);
	unlink(path);
	assert_true(sum * width > ARRAY_SIZE(at) - 0.1 && sum * width < ARRAY_SIZE(at) + 0.1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),	cmocka_unit_test(test_stale),
		cmocka_unit_test(test_damaged), cmocka_unit_test(test_restart),
		cmocka_unit_test(test_text),	cmocka_unit_test(test_khz),
		cmocka_unit_test(test_writers), cmocka_unit_test(test_plot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
