/* SPDX-License-Identifier: MIT */
/* tick TEXT: prints "guest: TEXT at tick N", N the CPU's time-stamp counter, decimal. */
#include <stdio.h>
#include <x86intrin.h>

int main(int argc, char **argv)
{
	unsigned long long tick = __rdtsc();

	if (argc != 2) {
		fprintf(stderr, "usage: tick TEXT\n");
		return 1;
	}
	printf("guest: %s at tick %llu\n", argv[1], tick);
	return 0;
}
