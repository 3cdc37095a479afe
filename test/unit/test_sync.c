/* SPDX-License-Identifier: MIT */
/* What several CPUs share: the lock and the ring, under threads; and the bit sets. */
#include <pthread.h>
#include "unit.h"
#include "lib/bitmap.h"
#include "lib/ring.h"
#include "lib/spinlock.h"

#define THREADS	     3
#define LOCK_ROUNDS  2000
#define SLOTS	     8
#define WORDS	     5
#define RING_RECORDS 200000

static struct spinlock lock;
static u32 guarded[2], wrong_owner;

/* Under the lock the two numbers are always equal, and the lock names its holder. */
static void *count_up(void *arg)
{
	u32 cpu = (u32)(uintptr_t)arg;

	for (u32 i = 0; i < LOCK_ROUNDS; i++) {
		spin_lock(&lock, cpu);
		wrong_owner += !spin_held_by(&lock, cpu) || spin_held_by(&lock, cpu + 1);
		guarded[0]++;
		wrong_owner += guarded[0] != guarded[1] + 1;
		guarded[1]++;
		spin_unlock(&lock);
	}
	return NULL;
}

static void test_lock(void **state)
{
	pthread_t t[THREADS];

	(void)state;
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, count_up, (void *)i), 0);
	for (u32 i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(wrong_owner, 0);
	assert_int_equal(guarded[0], THREADS * LOCK_ROUNDS);
	for (u32 i = 0; i < THREADS; i++)
		assert_false(spin_held_by(&lock, i));
}

static _Atomic u32 ring_mem[RING_WORDS(SLOTS, WORDS)];
static struct ring ring = {.slots = SLOTS, .record_words = WORDS, .mem = ring_mem};

/* Every word of record n tells n. */
static void write_record(u32 n)
{
	u32 r[WORDS];

	for (u32 i = 0; i < WORDS; i++)
		r[i] = n * 16 + i;
	ring_write(&ring, r);
}

static bool whole(u32 n, const u32 *r)
{
	for (u32 i = 0; i < WORDS; i++) {
		if (r[i] != n * 16 + i)
			return false;
	}
	return true;
}

static void test_ring_order(void **state)
{
	u32 r[WORDS];

	(void)state;
	for (u32 n = 0; n < 40; n++) {
		assert_int_equal(ring_head(&ring), n);
		assert_false(ring_read(&ring, n, r));
		write_record(n);
		for (u32 old = 0; old <= n; old++) {
			bool kept = old + SLOTS > n;

			assert_int_equal(ring_read(&ring, old, r), kept);
			assert_true(!kept || whole(old, r));
		}
	}
}

static void *write_all(void *arg)
{
	(void)arg;
	while (ring_head(&ring) < RING_RECORDS)
		write_record(ring_head(&ring));
	return NULL;
}

/* What is read while the writer laps the reader is whole or refused. */
static void test_ring_tearing(void **state)
{
	u32 r[WORDS], seen = 0, torn = 0, head = 0;
	pthread_t writer;

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, write_all, NULL), 0);
	while (head < RING_RECORDS) {
		head = ring_head(&ring);
		for (u32 n = head - SLOTS; n != head; n++) {
			if (!ring_read(&ring, n, r))
				continue;
			seen++;
			torn += !whole(n, r);
		}
	}
	pthread_join(writer, NULL);
	assert_int_equal(torn, 0);
	assert_true(seen >= SLOTS - 1);
}

static void test_bitmap(void **state)
{
	u64 map[BITMAP_WORDS(200)] = {0};
	bool model[200] = {false};

	(void)state;
	assert_int_equal(ARRAY_SIZE(map), 4);
	for (u32 round = 0; round < 3000; round++) {
		u32 n = (u32)rnd_below(200), from = (u32)rnd_below(201),
		    bits = 1 + (u32)rnd_below(200);
		u32 want = from < bits ? from : bits;

		model[n] = rnd_below(20) == 0;
		if (model[n])
			bitmap_set(map, n);
		else
			bitmap_clear(map, n);
		assert_int_equal(bitmap_test(map, n), model[n]);
		while (want < bits && !model[want])
			want++;
		assert_int_equal(bitmap_next(map, bits, from), want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_ring_order),
		cmocka_unit_test(test_ring_tearing),
		cmocka_unit_test(test_bitmap),
	};

	return RUN_SEEDED(tests);
}
