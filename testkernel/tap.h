/* SPDX-License-Identifier: MIT */
/*
 * Results in the Test Anything Protocol. A case is a number of checks and one line that says what
 * they were about. Lines without a leading '#' are the same bare and under Lamina if Lamina is
 * right.
 */
#ifndef TESTKERNEL_TAP_H
#define TESTKERNEL_TAP_H

#include "hv/types.h"

/* Starts a group; its name leads the lines of its cases. */
void tap_group(const char *name);

/* One check of the present case; if it fails, the text says what was found. Any CPU, one at a time.
 */
void check(bool ok, const char *f, ...) __attribute__((format(printf, 2, 3)));

/* Ends a case: `ok N - group: text` if there were checks and all passed, else `not ok`; a case
 * without checks is skipped if the machine has one CPU. */
void tap(const char *f, ...) __attribute__((format(printf, 1, 2)));

/* A case that cannot run on this machine. */
void tap_skip(const char *text, const char *reason);

/* A diagnostic line; it may differ between runs bare and under Lamina. */
void note(const char *f, ...) __attribute__((format(printf, 1, 2)));

/* The plan and a summary. */
void tap_end(void);

#endif
