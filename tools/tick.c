/* SPDX-License-Identifier: MIT */
/*
 * tick TEXT: prints "guest: TEXT at tick N", N the CPU's time-stamp counter, decimal, and waits
 * until a terminal has really sent it: a power-off may follow.
 */
#include <stdio.h>
#include <termios.h>
#include <x86intrin.h>

int main(int argc, char **argv)
{
	unsigned long long tick = __rdtsc();

	if (argc != 2) {
		fprintf(stderr, "usage: tick TEXT\n");
		return 1;
	}
	printf("guest: %s at tick %llu\n", argv[1], tick);
	fflush(stdout);
	tcdrain(1);
	return 0;
}
