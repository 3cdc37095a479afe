/* SPDX-License-Identifier: MIT */
/*
 * What a serial log tells of accesses to CR0 and CR4, and whose fault they are. Lines go in one by
 * one, of whatever bytes and length; each access comes out when the log has come to the next one.
 * Host programs only.
 */
#ifndef ANALYZE_H
#define ANALYZE_H

#include <stdio.h>

#include "hv/vcpu.h"
#include "verdict/verdict.h"

/* What the lines so far have said. */
struct analysis {
	struct machine_facts facts;
	void (*found)(void *ctx, const struct access *a, const struct machine_facts *m);
	void (*said)(void *ctx, enum verdict v,
		     const char *text); /* a line that is a verdict itself */
	void *ctx;
	u32 lines, understood, damaged;
	u32 probe_lines;
	/* private: the access that the log speaks of now, and what belongs to it */
	bool open, other_cpu; /* the line speaks of another CPU than the access */
	struct access now;
	struct {
		u64 has, fresh, value, hw, owned, shadow, read;
	} cr[CRM_CRS];
	struct {
		char reg[4];
		bool whole; /* from the read to the write */
		bool lost;
		u64 sets, clears;
	} code[CRM_CRS];
	struct {
		u64 after, owned;
		bool known;
	} last[MAX_CPUS][CRM_CRS];
};

/* One line, without its end; NUL bytes may have been made blanks. */
void analyze_line(struct analysis *an, const char *line);
/* The log ends here. */
void analyze_end(struct analysis *an);

/* Parts of analyze_line. True: the line was of that kind. */
bool analyze_lamina(struct analysis *an, const char *line); /* line: behind "lamina: " */
bool analyze_code(struct analysis *an, const char *line);   /* line: in lower case */
void analyze_close(struct analysis *an);

/* A number as logs write them, hexadecimal: 2020, 0x2020, 2020h. NULL: none at p. */
const char *analyze_number(const char *p, u64 *v);

#endif
