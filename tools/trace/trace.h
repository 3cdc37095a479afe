/* SPDX-License-Identifier: MIT */
/*
 * What lamina trace reads and writes. The reader finds the blocks of hv/trace.h in any stream of
 * bytes: a serial log with their text form, a picture of memory, or the blocks themselves. It holds
 * one block at a time. A writer gets each record once, those of a CPU in their order.
 */
#ifndef TOOLS_TRACE_H
#define TOOLS_TRACE_H

#include <stdio.h>

#include "hv/trace.h"

#define TRACE_CPUS 64
#define TRACE_LINE "lamina: " TRACE_WORD

enum trace_exit {
#define EXIT_KIND(name, text) TRACE_EXIT_##name,
#include "hv/exit_kinds.def"
#undef EXIT_KIND
	TRACE_EXITS
};

/* A record with its place in time: ns is nanoseconds where the frequency is known, else ticks. */
struct trace_item {
	struct trace_record r;
	u64 seq; /* how many records of the CPU came before */
	u64 ns;
	u32 cpu;
	u8 kind, sub, count; /* of r.what */
};

/* Where the records go; false: it could not be written, and no more is to come. */
typedef bool (*trace_item_fn)(void *ctx, const struct trace_header *h, const struct trace_item *i);

/* What was found, and what was not. */
struct trace_losses {
	u64 blocks, records; /* given to the writer */
	u64 again;	     /* found before: the same block lay there twice */
	u64 overwritten;     /* too old: their place in the ring was needed, which is no fault */
	u64 damaged;	     /* records or lines that are there but make no sense */
	u64 cut;	     /* records that were announced and did not come */
};

struct trace_reader {
	trace_item_fn item;
	void *ctx;
	struct trace_losses lost;
	bool failed; /* the writer could not write, or there is no memory for a block */

	/* the block that is being read */
	struct trace_header head;
	bool in_block, in_text;
	u32 seen, due; /* places read, and how many there should be */
	struct trace_item *held;
	u32 held_count, held_room;
	/* the place or line that is being read */
	u8 raw[TRACE_RECORD_SIZE];
	u32 raw_count;
	char line[200];
	u32 line_count;
	u64 khz;       /* in place of a frequency that the trace does not know; 0: ticks */
	u64 window[2]; /* the last sixteen bytes */
	enum { SCAN_NOTHING, SCAN_RAW, SCAN_LINE } scan;
	bool doubt; /* the last place made no sense */
	struct {
		u64 start, next; /* the start of the machine, and the number behind the last given
				    out */
		u32 *given;	 /* by number modulo capacity: which was given out, plus one */
		u32 capacity;
	} cpu[TRACE_CPUS];
};

/* All of the stream, in pieces of any length; then the end. A reader is zeroed but for item, ctx,
 * khz.
 */
void trace_read(struct trace_reader *t, const u8 *data, size_t n);
void trace_end(struct trace_reader *t);

/* Did anything get lost that should be there? */
bool trace_lost(const struct trace_losses *l);
/* "N records of M blocks" and what is missing, in one line without its end. */
void trace_summary(const struct trace_losses *l, char *line, size_t size);

/* What a text line has behind its words; false: it is damaged. */
bool trace_from_text(const char *text, u8 out[TRACE_RECORD_SIZE]);

/* What the record is about: "CPUID", "CR", "SIPI sent"; a constant. */
const char *trace_name(const struct trace_item *i);
/* "exit", "cr", "verdict"...; a constant. */
const char *trace_category(const struct trace_item *i);
/* The name of value v, or NULL where it has none. */
const char *trace_value_name(const struct trace_item *i, u32 v);
const char *trace_exit_name(u32 kind);

/* A format: what is written to it. All but plot write as the records come. */
struct trace_writer {
	const char *name;
	/* OUT is a file, but for ctf a folder, which is made. NULL: it cannot be, errno says why.
	 */
	void *(*open)(const char *out);
	trace_item_fn item;
	/* False: not all of it could be written. Frees. */
	bool (*close)(void *w);
};

extern const struct trace_writer trace_perfetto, trace_ctf, trace_chrome, trace_show, trace_plot,
	trace_log;

/* out is "-" for standard output. */
FILE *trace_open(const char *out);
bool trace_close(FILE *f);

#endif
