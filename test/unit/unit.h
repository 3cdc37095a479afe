/* SPDX-License-Identifier: MIT */
/* What all unit tests share: cmocka (or its 32-bit stand-in) and repeatable random numbers. */
#ifndef TEST_UNIT_H
#define TEST_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "hv/types.h"

static u64 unit_state;

/* A group setup: takes the seed from SEED, else from the clock, and prints how to repeat the run.
 */
static inline int unit_seed(void **state)
{
	const char *s = getenv("SEED");
	struct timespec now;

	(void)state;
	timespec_get(&now, TIME_UTC);
	unit_state = s ? strtoull(s, NULL, 0) : (u64)now.tv_sec * 1000000007u ^ (u64)now.tv_nsec;
	printf("# SEED=%llu repeats this run\n", (unsigned long long)unit_state);
	return 0;
}

/* splitmix64: a counter through a mixing function, so any seed will do */
static inline u64 rnd(void)
{
	u64 z = unit_state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* A number below n. */
static inline u64 rnd_below(u64 n)
{
	return rnd() % n;
}

#define RUN_SEEDED(tests) cmocka_run_group_tests(tests, unit_seed, NULL)
#define RUN(tests)	  cmocka_run_group_tests(tests, NULL, NULL)

#endif
