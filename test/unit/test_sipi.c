/* SPDX-License-Identifier: MIT */
/*
 * INIT, SIPI and NMI by mail: whatever is sent to a CPU, and wherever in its own work each message
 * reaches it, it must end as a CPU would that gets them in this order (Intel SDM vol. 3A, 9.4.2).
 */
#include "smp_world.h"

enum message { INIT, SIPI_A, SIPI_B, NMI, MESSAGES };

#define VECTOR_A 0x9a
#define VECTOR_B 0x05
#define ALL_SENT 5u
#define NEAREST	 0u /* steps between two messages, at least */

/* CPU 0 sends to CPU 1: message i when CPU 1 has taken delay[i] steps since message i - 1, or when
 * it has nothing to do. */
static struct {
	u32 count, next;
	enum message message[ALL_SENT];
	u32 delay[ALL_SENT], waited;
	bool sending;
	jmp_buf asleep;
} post;

static void send_next(void)
{
	enum message m = post.message[post.next++];

	post.sending = true;
	post.waited = 0;
	if (m == INIT)
		send(0, world[1].apic_id, ICR_INIT);
	else if (m == NMI)
		nmi(1);
	else
		send(0, world[1].apic_id, ICR_SIPI(m == SIPI_A ? VECTOR_A : VECTOR_B));
	post.sending = false;
}

static void between(void)
{
	if (post.sending || !atomic_load_explicit(&world_pcpu[1].pub.up, SEQ))
		return;
	post.waited++;
	while (post.next < post.count && post.waited > post.delay[post.next]) {
		u32 waited = post.waited;

		send_next();
		post.waited = post.next < post.count && post.delay[post.next] == 0 ? waited : 0;
	}
}

void wait_nmi(struct vcpu *v)
{
	while (!atomic_load_explicit(&v->nmi_root, SEQ)) {
		if (post.next == post.count)
			longjmp(post.asleep, 1);
		send_next();
	}
}

/* CPU 1 takes its exits until nothing is left to do and to send. */
static void run_exits(void)
{
	struct vcpu *v = &world_pcpu[1].vcpu;
	struct exit x = {.kind = EXIT_NMI};

	for (;;) {
		world[1].in_root = true;
		atomic_fetch_add_explicit(&v->nmi_root, world[1].nmis_arrived, SEQ);
		world[1].nmis_arrived = 0;
		while (atomic_load_explicit(&v->nmi_root, SEQ))
			assert_int_equal(exit_nmi(v, &x), EXIT_RETRY);
		world[1].in_root = false;
		if (post.next < post.count)
			send_next();
		else if (!world[1].nmis_arrived)
			return;
	}
}

/* True: it ends in wait-for-SIPI. */
static bool run_target(void)
{
	if (setjmp(post.asleep))
		return true;
	enter(1);
	step_hook = between;
	world_pcpu[1].pub.up = 0;
	world[1].in_root = true;
	sipi_wait_first(&world_pcpu[1].vcpu);
	world[1].in_root = false;
	run_exits();
	return false;
}

struct model {
	bool waits;
	u8 vector;
	u32 inits, nmis;
};

static struct model model(void)
{
	struct model m = {.waits = true};

	for (u32 i = 0; i < post.count; i++) {
		if (post.message[i] == INIT) {
			m.waits = true;
			m.inits++;
		} else if (post.message[i] == NMI) {
			m.nmis++;
		} else if (m.waits) {
			m.waits = false;
			m.vector = post.message[i] == SIPI_A ? VECTOR_A : VECTOR_B;
		}
	}
	return m;
}

static void describe(char *out, size_t size)
{
	static const char *const name[MESSAGES] = {"INIT", "SIPI A", "SIPI B", "NMI"};
	size_t n = 0;

	for (u32 i = 0; i < post.count; i++)
		n += (size_t)snprintf(out + n, size - n, "%s after %u steps; ",
				      name[post.message[i]], post.delay[i]);
}

static void check_run(void)
{
	struct model m = model();
	char text[300];
	bool waits, right;

	world_start(2, OPT_SIPI_HOLD);
	post.next = post.waited = 0;
	post.sending = false;
	waits = run_target();
	step_hook = NULL;
	right = waits == m.waits && (waits || world[1].vector == m.vector) &&
		atomic_load(&sipi.waiting) == waits && sipi_trapping() &&
		!(atomic_load(&world_pcpu[1].pub.mail) & (MAIL_INIT | MAIL_SIPI)) &&
		/* no NMI comes from nowhere; none is lost unless an INIT takes it away */
		world[1].injected <= m.nmis && (waits || m.inits || world[1].injected == m.nmis);
	if (right)
		return;
	describe(text, sizeof(text));
	fail_msg("%sit %s with vector %x, %u of %u NMIs, mail %x", text, waits ? "waits" : "runs",
		 world[1].vector, world[1].injected, m.nmis, atomic_load(&world_pcpu[1].pub.mail));
}

/* All sequences of three, at all distances that matter: a CPU takes fewer steps for one message. */
static void test_all_of_three(void **state)
{
	const u32 far = 14;

	(void)state;
	post.count = 3;
	for (u32 s = 0; s < MESSAGES * MESSAGES * MESSAGES; s++) {
		for (u32 i = 0, k = s; i < 3; i++, k /= MESSAGES)
			post.message[i] = k % MESSAGES;
		for (u32 d = 0; d < far * far * far; d++) {
			for (u32 i = 0, k = d; i < 3; i++, k /= far)
				post.delay[i] = NEAREST + k % far;
			check_run();
		}
	}
}

static void test_random_sequences(void **state)
{
	(void)state;
	for (u32 round = 0; round < 100000; round++) {
		post.count = 1 + (u32)rnd_below(ALL_SENT);
		for (u32 i = 0; i < post.count; i++) {
			post.message[i] = rnd_below(MESSAGES);
			post.delay[i] = NEAREST + (rnd_below(2) ? (u32)rnd_below(20) : 0);
		}
		check_run();
	}
}

/* --- one after the other: the trap, and what exits do --- */

static void halted(void)
{
	leave("halt");
}

/* All CPUs but this one take the exits they are due; none of them must come to sleep. */
static void take_exits(u32 cpu)
{
	post.count = post.next = 0;
	enter(cpu);
	if (setjmp(post.asleep))
		fail_msg("CPU %u sleeps", running());
	others_work();
}

static void take_first_sipi(u32 cpu, u8 vector)
{
	post.count = post.next = 0;
	step_hook = NULL;
	enter(cpu);
	if (!setjmp(post.asleep)) {
		sipi_wait_first(&world_pcpu[cpu].vcpu);
		fail_msg("CPU %u does not wait", cpu);
	}
	send(0, world[cpu].apic_id, ICR_SIPI(vector));
	assert_true(atomic_load(&world_pcpu[cpu].pub.mail) & MAIL_SIPI);
	world[cpu].in_root = true;
	wait_sipi(&world_pcpu[cpu].vcpu);
	world[cpu].in_root = false;
	world_pcpu[cpu].vcpu.nmi_root = 0;
	enter(0);
	assert_int_equal(world[cpu].vector, vector);
}

/* icr: the trap is there from the start until the last CPU has come up; hold: for good. */
static void test_trap(void **state)
{
	(void)state;
	for (u32 hold = 0; hold < 2; hold++) {
		world_start(4, hold ? OPT_SIPI_HOLD : OPT_SIPI_ICR);
		assert_true(machine.sipi_icr && sipi_trapping() && trapped_x2icr);
		assert_true(is_trapped(APIC_PAGE));
		for (u32 i = 1; i < 4; i++) {
			assert_true(sipi_trapping());
			take_first_sipi(i, (u8)(0x10 + i));
		}
		assert_int_equal(sipi_trapping(), hold);
		assert_int_equal(is_trapped(APIC_PAGE), hold);
		assert_int_equal(trapped_x2icr, hold);
	}
	world_start(1, OPT_SIPI_ICR);
	assert_false(sipi_trapping());
	world_start(2, OPT_SIPI_EXIT);
	assert_false(sipi_trapping() || machine.sipi_icr);
}

/* AMD-V, where the INIT that exited is still to come: the trap is back and the CPU waits for a SIPI
 * before it leaves; one that comes meanwhile is kept. */
static void test_init_pends(void **state)
{
	struct backend amd = world_backend;
	struct exit x = {.kind = EXIT_INIT};
	struct pcpu *p = &world_pcpu[2];

	(void)state;
	amd.vendor = CRM_AMD;
	world_start(3, OPT_SIPI_AUTO);
	backend = &amd;
	sipi_init();
	take_first_sipi(1, 1);
	take_first_sipi(2, 2);
	assert_false(sipi_trapping());
	world[0].in_root = false;
	post.count = post.next = 0;
	enter(2);
	world[2].in_root = true;
	if (!setjmp(gone)) {
		exit_init(&p->vcpu, &x);
		fail_msg("CPU 2 goes on with an INIT pending");
	}
	assert_string_equal(gone_why, "revive");
	assert_true(sipi_trapping());
	assert_int_equal(world[0].flushes, 1);
	assert_int_equal(world[1].flushes, 1);
	assert_false(p->init_exited); /* it comes back to wait, not to go on */
	enter(0);
	send(0, world[2].apic_id, ICR_SIPI(0x77));
	assert_true(atomic_load(&p->pub.mail) & MAIL_SIPI);
}

/* An INIT exit with the trap gone: all CPUs trap again before the CPU waits. */
static void test_init_exit_rearms(void **state)
{
	struct exit x = {.kind = EXIT_INIT};

	(void)state;
	world_start(3, OPT_SIPI_ICR);
	take_first_sipi(1, 1);
	take_first_sipi(2, 2);
	assert_false(sipi_trapping());
	world[0].in_root = false;
	post.count = post.next = 0;
	enter(2);
	world[2].in_root = true;
	if (!setjmp(post.asleep)) {
		exit_init(&world_pcpu[2].vcpu, &x);
		fail_msg("CPU 2 does not wait");
	}
	assert_true(sipi_trapping());
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(world[i].flushes, 1);
	enter(0);
	send(0, world[2].apic_id, ICR_SIPI(0x77));
	assert_true(atomic_load(&world_pcpu[2].pub.mail) & MAIL_SIPI);
}

static void test_exit_strategy(void **state)
{
	struct exit init = {.kind = EXIT_INIT}, sipi_exit = {.kind = EXIT_SIPI, .vector = 0x42};
	struct pcpu *p = &world_pcpu[1];

	(void)state;
	world_start(2, OPT_SIPI_EXIT);
	p->pub.up = 0;
	enter(1);
	sipi_wait_first(&p->vcpu);
	assert_int_equal(world[1].activity, ACTIVITY_WAIT_SIPI);
	assert_int_equal(atomic_load(&p->pub.up), 1);
	world[1].resets = 0;
	for (u32 round = 1; round < 4; round++) {
		init.rip = 0x1234; /* the guest has run since its start */
		assert_int_equal(exit_init(&p->vcpu, &init), EXIT_RETRY);
		assert_int_equal(world[1].resets, round);
		assert_int_equal(world[1].activity, ACTIVITY_WAIT_SIPI);
		assert_int_equal(exit_sipi(&p->vcpu, &sipi_exit), EXIT_RETRY);
		assert_int_equal(world[1].starts, round);
		assert_int_equal(world[1].vector, 0x42);
	}
	/* the next exit of all is an INIT again: it stayed pending, and would for ever */
	init.rip = 0;
	if (!setjmp(gone)) {
		exit_init(&p->vcpu, &init);
		fail_msg("an INIT that stays pending was not noticed");
	}
	assert_string_equal(gone_why, "revive");
	p->vcpu.index = 1;
	sipi_resume(&p->vcpu);
	assert_int_equal(world[1].vector, 0x42);
	assert_false(p->init_exited);
}

/* The guest's NMIs and our kicks are told apart, however they mix. */
static void test_nmis(void **state)
{
	(void)state;
	for (u32 kicked = 0; kicked < 2; kicked++) {
		for (u32 n = 0; n < 4; n++) {
			world_start(2, OPT_SIPI_HOLD);
			if (kicked)
				mp_post(pcpus[1], MAIL_FLUSH);
			for (u32 i = 0; i < n; i++)
				nmi(1);
			mp_post(pcpus[1], kicked ? MAIL_FLUSH : 0);
			take_exits(0);
			assert_int_equal(world[1].injected, n);
			assert_int_equal(world[1].flushes, kicked);
			assert_int_equal(atomic_load(&pcpus[1]->pub.kick), 0);
		}
	}
}

/* A kick whose NMI is still on its way is no NMI of the guest, and none is subtracted for it. */
static void test_kick_without_nmi(void **state)
{
	struct exit x = {.kind = EXIT_NMI};

	(void)state;
	world_start(2, OPT_SIPI_HOLD);
	enter(1);
	pcpus[1]->pub.kick = 1;
	exit_nmi(&pcpus[1]->vcpu, &x);
	assert_int_equal(world[1].injected, 0);
	assert_int_equal(atomic_load(&pcpus[1]->pub.kick), 1);
}

static void test_revive_and_stop(void **state)
{
	(void)state;
	world_start(2, OPT_SIPI_HOLD);
	revivals = 0;
	mp_post(pcpus[1], MAIL_REVIVE);
	take_exits(0);
	assert_int_equal(revivals, 1);
	fake_halted = halted;
	mp_post(pcpus[1], MAIL_STOP);
	if (!setjmp(gone)) {
		take_exits(0);
		fail_msg("CPU 1 goes on");
	}
	assert_string_equal(gone_why, "halt");
	assert_true(world[1].disabled);
	assert_int_equal(atomic_load(&pcpus[1]->pub.stopped), 1);
	fake_halted = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_three),
		cmocka_unit_test(test_random_sequences),
		cmocka_unit_test(test_trap),
		cmocka_unit_test(test_init_pends),
		cmocka_unit_test(test_init_exit_rearms),
		cmocka_unit_test(test_exit_strategy),
		cmocka_unit_test(test_nmis),
		cmocka_unit_test(test_revive_and_stop),
		cmocka_unit_test(test_kick_without_nmi),
	};

	return RUN_SEEDED(tests);
}
