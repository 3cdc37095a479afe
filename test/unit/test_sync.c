/* SPDX-License-Identifier: MIT */
/* What several CPUs share: the lock, under threads. */
#include <pthread.h>
#include "unit.h"
#include "lib/spinlock.h"

#define THREADS	    3
#define LOCK_ROUNDS 2000

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lock),
	};

	return RUN_SEEDED(tests);
}
