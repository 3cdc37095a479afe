/* SPDX-License-Identifier: MIT */
/* Which CPUs an INIT or SIPI reaches, by the rules for destinations (Intel SDM vol. 3A, 11.6.2 and
 * 11.12.9), and the start of the CPUs. */
#include "smp_world.h"

void wait_nmi(struct vcpu *v)
{
	(void)v;
	leave("wait");
}

#define SHORTHAND(s) ICR_SET_SHORTHAND((u32)ICR_SHORTHAND_##s)
#define DEASSERT     (ICR_SET_DELIVERY(ICR_DELIVERY_INIT) | ICR_LEVEL)
#define FLAT	     0xffffffffu
#define CLUSTER	     0x0fffffffu

/* Bit i: CPU i has this request. */
static u32 who_has(u32 request)
{
	u32 who = 0;

	for (u32 i = 0; i < cpu_count; i++)
		who |= !!(atomic_load(&pcpus[i]->pub.mail) & request) << i;
	return who;
}

struct target {
	u32 ldr[WORLD_CPUS], dfr;
	u32 from, dest, icr;
	u32 who;
};

/* APIC IDs are 0, 2, 4, 6. */
static const struct target xapic[] = {
	{{0}, FLAT, 0, 0, ICR_INIT, 1},
	{{0}, FLAT, 0, 4, ICR_INIT, 4},
	{{0}, FLAT, 3, 4, ICR_INIT, 4},
	{{0}, FLAT, 0, 5, ICR_INIT, 0},
	{{0}, FLAT, 0, 0xff, ICR_INIT, 15},
	{{0}, FLAT, 2, 0, ICR_INIT | SHORTHAND(SELF), 4},
	{{0}, FLAT, 2, 0, ICR_INIT | SHORTHAND(ALL), 15},
	{{0}, FLAT, 2, 0, ICR_INIT | SHORTHAND(OTHERS), 11},
	{{0}, FLAT, 2, 6, ICR_INIT | ICR_LEVEL, 8},
	{{0}, FLAT, 2, 6, DEASSERT, 0},
	{{0}, FLAT, 0, 6, DEASSERT | SHORTHAND(ALL), 0},
	{{1 << 24, 2 << 24, 4 << 24, 8 << 24}, FLAT, 0, 5, ICR_INIT | ICR_LOGICAL, 5},
	{{1 << 24, 2 << 24, 4 << 24, 8 << 24}, FLAT, 0, 0xf0, ICR_INIT | ICR_LOGICAL, 0},
	{{1 << 24, 2 << 24, 4 << 24, 0}, FLAT, 0, 0xff, ICR_INIT | ICR_LOGICAL, 15},
	{{0x11 << 24, 0x12 << 24, 0x21 << 24, 0x22 << 24},
	 CLUSTER,
	 0,
	 0x13,
	 ICR_INIT | ICR_LOGICAL,
	 3},
	{{0x11 << 24, 0x12 << 24, 0x21 << 24, 0x22 << 24},
	 CLUSTER,
	 0,
	 0x22,
	 ICR_INIT | ICR_LOGICAL,
	 8},
	{{0x11 << 24, 0x12 << 24, 0x21 << 24, 0x22 << 24},
	 CLUSTER,
	 0,
	 0x31,
	 ICR_INIT | ICR_LOGICAL,
	 0},
	{{0x11 << 24, 0x12 << 24, 0x21 << 24, 0x22 << 24},
	 CLUSTER,
	 3,
	 0xff,
	 ICR_INIT | ICR_LOGICAL,
	 15},
};

/* Logical IDs of x2APIC: cluster in 31:16, one bit of 15:0. */
static const struct target x2apic[] = {
	{{0}, 0, 0, 4, ICR_INIT, 4},
	{{0}, 0, 0, 0xff, ICR_INIT, 0},
	{{0}, 0, 0, 0xffffffff, ICR_INIT, 15},
	{{0}, 0, 1, 0, ICR_INIT | SHORTHAND(SELF), 2},
	{{0}, 0, 1, 0, ICR_INIT | SHORTHAND(OTHERS), 13},
	{{0}, 0, 1, 4, DEASSERT, 0},
	{{1, 2, 0x10001, 0x10002}, 0, 0, 3, ICR_INIT | ICR_LOGICAL, 3},
	{{1, 2, 0x10001, 0x10002}, 0, 0, 0x10003, ICR_INIT | ICR_LOGICAL, 12},
	{{1, 2, 0x10001, 0x10002}, 0, 0, 0x20003, ICR_INIT | ICR_LOGICAL, 0},
	{{1, 2, 0x10001, 0x10002}, 0, 0, 4, ICR_INIT | ICR_LOGICAL, 0},
};

static void set_up(const struct target *t, bool x2)
{
	world_start(WORLD_CPUS, OPT_SIPI_HOLD);
	for (u32 i = 0; i < WORLD_CPUS; i++) {
		world[i].x2apic = x2;
		world[i].ldr = t->ldr[i];
		world[i].dfr = t->dfr;
		enter(i);
		mp_publish_apic(pcpus[i]);
	}
}

/* A sender that is a target itself would begin to wait: for it the message stays in the mail. */
static void send_x2(u32 from, u32 dest, u32 icr)
{
	enter(from);
	if (!setjmp(gone))
		sipi_write_x2icr(&world_pcpu[from].vcpu, (u64)dest << 32 | icr);
	enter(0);
}

static void check_target(const struct target *t, bool x2, size_t i)
{
	u32 init, sipi_mail, who = t->who;

	set_up(t, x2);
	for (u32 c = 0; c < WORLD_CPUS; c++)
		pcpus[c]->vcpu.is_bsp = false;
	if (x2)
		send_x2(t->from, t->dest, t->icr);
	else
		send(t->from, t->dest, t->icr);
	init = who_has(MAIL_INIT);
	/* one that took its INIT at once waits by now */
	init |= who_has(MAIL_WAIT_SIPI);
	assert_int_equal(bus.writes, 0);
	if (init != who)
		fail_msg("case %zu: INIT reaches %x, not %x", i, init, who);
	/* what is no assert of INIT has no SIPI that belongs to it */
	if ((t->icr & ICR_LEVEL) && !(t->icr & ICR_ASSERT))
		return;
	set_up(t, x2);
	for (u32 c = 0; c < WORLD_CPUS; c++)
		atomic_store(&pcpus[c]->pub.mail, MAIL_WAIT_SIPI);
	if (x2)
		send_x2(t->from, t->dest, (t->icr & ~0x700u) | ICR_SIPI(0x33));
	else
		send(t->from, t->dest, (t->icr & ~0x700u) | ICR_SIPI(0x33));
	sipi_mail = who_has(MAIL_SIPI);
	if (sipi_mail != who)
		fail_msg("case %zu: SIPI reaches %x, not %x", i, sipi_mail, who);
	for (u32 c = 0; c < WORLD_CPUS; c++)
		if (who >> c & 1)
			assert_int_equal(MAIL_VECTOR(atomic_load(&pcpus[c]->pub.mail)), 0x33);
}

static void test_destinations(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(xapic); i++)
		check_target(&xapic[i], false, i);
	for (size_t i = 0; i < ARRAY_SIZE(x2apic); i++)
		check_target(&x2apic[i], true, i);
}

/* Only INIT and SIPI are kept; what else is written reaches the local APIC as it is. */
static void test_passes_through(void **state)
{
	struct vcpu *v = &world_pcpu[0].vcpu;

	(void)state;
	for (u32 mode = 0; mode < 8; mode++) {
		u32 icr = ICR_SET_DELIVERY(mode) | ICR_ASSERT | 0x31;
		bool kept = mode == ICR_DELIVERY_INIT || mode == ICR_DELIVERY_SIPI;

		world_start(2, OPT_SIPI_HOLD);
		send(0, 2, icr);
		assert_int_equal(bus.writes, !kept);
		assert_true(kept || (bus.reg == APIC_ICR_LO && bus.value == icr));
		assert_int_equal(who_has(MAIL_INIT), mode == ICR_DELIVERY_INIT ? 2 : 0);

		world_start(2, OPT_SIPI_HOLD);
		world[0].x2apic = true;
		mp_publish_apic(&world_pcpu[0]);
		fake_cpu->msr_count = 0;
		fake_msr(MSR_X2APIC_ICR, 0, 0x2000cffffULL | BIT(14));
		assert_int_equal(sipi_write_x2icr(v, 2ULL << 32 | icr), EXIT_ADVANCE);
		assert_int_equal(rdmsr(MSR_X2APIC_ICR), kept ? 0 : 2ULL << 32 | icr);
		/* reserved bits: the CPU's own #GP */
		icr = ICR_SET_DELIVERY(0u) | 1u << 20;
		assert_int_equal(sipi_write_x2icr(v, icr), EXIT_INJECTED);
	}
}

/* The guest's logical IDs are known to others as soon as it has written them. */
static void test_published(void **state)
{
	(void)state;
	world_start(2, OPT_SIPI_HOLD);
	sipi_write_xapic(&world_pcpu[0].vcpu, APIC_LDR, 0x40000000);
	assert_int_equal(atomic_load(&pcpus[0]->pub.ldr), 0x40000000);
	sipi_write_xapic(&world_pcpu[0].vcpu, APIC_DFR, CLUSTER);
	assert_int_equal(atomic_load(&pcpus[0]->pub.dfr), CLUSTER);
	sipi_write_xapic(&world_pcpu[0].vcpu, 0x80, 0x20);
	assert_int_equal(bus.reg, 0x80);
	assert_int_equal(bus.value, 0x20);
}

static void test_sipi_needs_init(void **state)
{
	(void)state;
	world_start(3, OPT_SIPI_HOLD);
	send(0, 0xff, ICR_SIPI(1) | SHORTHAND(OTHERS));
	assert_int_equal(who_has(MAIL_SIPI), 0);
	send(0, 2, ICR_INIT);
	send(0, 0xff, ICR_SIPI(1) | SHORTHAND(OTHERS));
	send(0, 0xff, ICR_SIPI(2) | SHORTHAND(OTHERS));
	assert_int_equal(who_has(MAIL_SIPI), 2);
	assert_int_equal(MAIL_VECTOR(atomic_load(&pcpus[1]->pub.mail)), 1);
	send(0, 2, ICR_INIT); /* the SIPI before it has lost its chance */
	assert_int_equal(who_has(MAIL_SIPI), 0);
	assert_int_equal(bus.ipis, 1); /* all that by one NMI */
	assert_int_equal(bus.dest[0], 2);
}

/* --- bring-up --- */

static void list_cpus(u32 count)
{
	machine.cpus.count = count;
	for (u32 i = 0; i < count; i++)
		machine.cpus.apic_id[i] = 100 + i;
}

/* The CPU we are on becomes number 0, wherever the firmware lists it. */
static void test_alloc(void **state)
{
	(void)state;
	world_start(1, OPT_SIPI_HOLD);
	for (u32 self_at = 0; self_at < 5; self_at++) {
		list_cpus(5);
		world[0].apic_id = 100 + self_at;
		pages_left = 5;
		assert_true(mp_alloc() == OK);
		assert_int_equal(cpu_count, 5);
		assert_int_equal(atomic_load(&pcpus[0]->pub.apic_id), 100 + self_at);
		for (u32 i = 0; i < 5; i++) {
			assert_int_equal(pcpus[i]->index, i);
			assert_int_equal(pcpus[i]->vcpu.index, i);
			assert_int_equal(pcpus[i]->vcpu.is_bsp, i == 0);
			for (u32 j = 0; j < i; j++)
				assert_true(atomic_load(&pcpus[i]->pub.apic_id) !=
					    atomic_load(&pcpus[j]->pub.apic_id));
		}
		for (pages_left = 0; pages_left < 5;) {
			u32 pages = pages_left;

			assert_string_equal(mp_alloc(), "too little memory for the CPUs");
			pages_left = pages + 1;
		}
	}
	list_cpus(MAX_CPUS); /* and the one we are on, which is not listed */
	world[0].apic_id = 1;
	pages_left = MAX_CPUS + 1;
	assert_string_equal(mp_alloc(), "more than 64 CPUs");
}

/* A CPU that comes up after this many of the SIPIs sent to it; 0: never. */
static u32 up_after, ipis_seen, sipis;

static void firmware_cpu(void)
{
	u32 last = bus.ipis - 1;

	if (bus.ipis == ipis_seen || bus.ipis > ARRAY_SIZE(bus.icr))
		return;
	ipis_seen = bus.ipis;
	if (ICR_DELIVERY(bus.icr[last]) == ICR_DELIVERY_SIPI && next_ap &&
	    atomic_load_explicit(&next_ap->pub.apic_id, SEQ) == bus.dest[last] &&
	    ++sipis == up_after) {
		next_ap->pub.arrived = next_ap->pub.up = 1;
		sipis = 0;
	}
}

static void start_with(u32 after)
{
	world_start(3, OPT_SIPI_HOLD);
	machine.low_base = 0x9d000;
	for (u32 i = 1; i < 3; i++)
		pcpus[i]->pub.arrived = pcpus[i]->pub.up = 0;
	up_after = after;
	lost_starts = 0;
	ipis_seen = sipis = 0;
	next_ap = NULL;
	step_hook = firmware_cpu;
	fake_paused = NULL;
}

static void test_start_aps(void **state)
{
	(void)state;
	start_with(1);
	assert_true(mp_start_aps() == OK);
	assert_int_equal(bus.ipis, 4);
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(bus.dest[2 * i], 2 * (i + 1));
		assert_int_equal(bus.icr[2 * i], ICR_INIT);
		assert_int_equal(bus.dest[2 * i + 1], 2 * (i + 1));
		assert_int_equal(bus.icr[2 * i + 1], ICR_SIPI(0x9d));
	}
	start_with(2);
	assert_true(mp_start_aps() == OK);
	assert_int_equal(bus.ipis, 6);
	assert_int_equal(lost_starts, 0);
	start_with(3); /* its first INIT lost to a SIPI of others' */
	assert_true(mp_start_aps() == OK);
	assert_int_equal(bus.ipis, 10);
	assert_int_equal(lost_starts, 1);
	assert_int_equal(bus.icr[3], ICR_INIT);
	assert_int_equal(bus.icr[4], ICR_SIPI(0x9d));
	start_with(0);
	assert_non_null(mp_start_aps());
	assert_int_equal(bus.ipis, 90);
	assert_int_equal(lost_starts, 30);
	step_hook = NULL;
}

static void stop_one(void)
{
	for (u32 i = 0; i < cpu_count; i++)
		if (atomic_load_explicit(&pcpus[i]->pub.mail, SEQ) & MAIL_STOP)
			pcpus[i]->pub.stopped = 1;
}

/* Out of VMX operation first, where they would not take the INIT; then as the firmware left them.
 */
static void test_release(void **state)
{
	(void)state;
	world_start(3, OPT_SIPI_HOLD);
	fake_paused = stop_one;
	mp_release_aps();
	assert_int_equal(who_has(MAIL_STOP), 6);
	assert_int_equal(bus.ipis, 4);
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(ICR_DELIVERY(bus.icr[i]), ICR_DELIVERY_NMI);
		assert_int_equal(bus.icr[2 + i], ICR_INIT);
		assert_int_equal(bus.dest[2 + i], 2 * (i + 1));
	}
}

/* A panic stops all that are up but the one that panics, even with a CPU that does not answer. */
static void test_stop_others(void **state)
{
	(void)state;
	world_start(4, OPT_SIPI_HOLD);
	pcpus[2]->pub.up = 0;
	fake_paused = stop_one;
	enter(1);
	mp_stop_others();
	assert_int_equal(who_has(MAIL_STOP), 0x9);
	fake_paused = NULL;
	pcpus[3]->pub.stopped = 0;
	mp_stop_others();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_destinations), cmocka_unit_test(test_passes_through),
		cmocka_unit_test(test_published),    cmocka_unit_test(test_sipi_needs_init),
		cmocka_unit_test(test_alloc),	     cmocka_unit_test(test_start_aps),
		cmocka_unit_test(test_release),	     cmocka_unit_test(test_stop_others),
	};

	return RUN(tests);
}
