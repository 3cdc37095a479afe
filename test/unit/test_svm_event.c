/* SPDX-License-Identifier: MIT */
/*
 * Events into a guest on AMD-V, on a VMCB that is an array: what a second event does to a first,
 * what is delivered again, and that NMIs arrive once each, behind the IRET of the one before.
 */
#include "svm_world.h"
#include "core/apic.h"
#include "core/trap.h"
#include "x86/apic.h"
#include "x86/cr.h"
#include "x86/rflags.h"
#include "x86/vector.h"

struct svm_caps svm_caps;

static u32 sent;

#define INFO(type, vector) (EVENT_INFO_VALID | (type) << 8 | (vector))

void apic_send(u32 dest, u32 icr_lo)
{
	assert_int_equal(dest, 7);
	assert_int_equal(ICR_DELIVERY(icr_lo), ICR_DELIVERY_NMI);
	sent++;
}

void svm_state_set(struct vcpu *cpu, enum cpu_reg r, u64 value)
{
	assert_int_equal(r, REG_DR6);
	vmcb_write(cpu, VMCB_DR6, value);
}

static u32 unblocked;

void trap_unblock_nmi(void)
{
	unblocked++;
}

static u32 shutdowns;

bool exit_dispatch(struct vcpu *cpu, const struct exit *x)
{
	assert_true(cpu == v && x->kind == EXIT_SHUTDOWN);
	shutdowns++;
	return false;
}

static void restart(void)
{
	shutdowns = 0;
	world_restart();
	pcpu.pub.apic_id = 7;
	sent = 0;
	vmcb_write(v, VMCB_CR0, CR0_PE);
	vmcb_write(v, VMCB_EXC_INTERCEPTS, 1u << VECTOR_GP);
}

static void inject(u8 vector)
{
	bool has_error = VECTOR_ERROR_CODES >> vector & 1;

	svm_inject(v, (struct event){
			      .type = EVENT_EXCEPTION,
			      .vector = vector,
			      .has_error = has_error,
			      .error = has_error ? 0x1234 : 0,
		      });
}

static void inject_nmi(void)
{
	svm_inject(v, (struct event){.type = EVENT_NMI});
}

static u64 info_of(u8 vector)
{
	return INFO((u64)EVENT_TYPE_EXC, vector) |
	       (VECTOR_ERROR_CODES >> vector & 1 ? EVENT_INFO_ERROR | 0x1234ULL << 32 : 0);
}

/* The entry, and the next exit: what was set up is in. */
static void enter(void)
{
	v->event_set = false;
	vmcb_write(v, VMCB_EVENTINJ, 0);
}

static bool iret_exits(void)
{
	return vmcb_read(v, VMCB_INTERCEPTS1) & INTERCEPT(SVM_IRET);
}

static void test_exceptions(void **state)
{
	(void)state;
	for (u8 vector = 0; vector < VECTOR_COUNT; vector++) {
		restart();
		inject(vector);
		assert_true(v->event_set);
		assert_int_equal(vmcb_read(v, VMCB_EVENTINJ), info_of(vector));
		vmcb_write(v, VMCB_CR0, 0); /* real mode has no error codes */
		enter();
		inject(vector);
		assert_int_equal(vmcb_read(v, VMCB_EVENTINJ), INFO((u64)EVENT_TYPE_EXC, vector));
	}
}

/* AMD APM vol. 2, table 8-2: which pairs make #DF. */
static void test_double_faults(void **state)
{
	static const u8 contributory[] = {0, 10, 11, 12, 13};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(contributory); i++)
		for (size_t k = 0; k < ARRAY_SIZE(contributory); k++) {
			restart();
			inject(contributory[i]);
			inject(contributory[k]);
			assert_int_equal(vmcb_read(v, VMCB_EVENTINJ),
					 INFO((u64)EVENT_TYPE_EXC, VECTOR_DF) | EVENT_INFO_ERROR);
		}
	restart();
	inject(VECTOR_DF);
	assert_int_equal(shutdowns, 0);
	inject(VECTOR_GP); /* a triple fault */
	assert_int_equal(shutdowns, 1);
	restart();
	inject(VECTOR_PF);
	inject(VECTOR_PF);
	assert_int_equal(EVENT_INFO_VECTOR(vmcb_read(v, VMCB_EVENTINJ)), VECTOR_DF);
	restart();
	inject(VECTOR_GP);
	inject(VECTOR_PF); /* serial */
	assert_int_equal(vmcb_read(v, VMCB_EVENTINJ), info_of(VECTOR_PF));
}

static void test_redelivery(void **state)
{
	static const struct {
		u64 found, due;
	} cases[] = {
		{0, 0},
		{INFO(EVENT_TYPE_INTR, 0x55), INFO(EVENT_TYPE_INTR, 0x55)},
		{INFO(EVENT_TYPE_NMI, 2), INFO(EVENT_TYPE_NMI, 2)},
		{INFO(EVENT_TYPE_EXC, 14) | EVENT_INFO_ERROR | 6ULL << 32,
		 INFO(EVENT_TYPE_EXC, 14) | EVENT_INFO_ERROR | 6ULL << 32},
		{INFO(EVENT_TYPE_EXC, 0x55), INFO(EVENT_TYPE_INTR, 0x55)}, /* an emulator's fault */
		{INFO(EVENT_TYPE_SOFT, 0x80), 0},			   /* INT n runs again */
		{INFO(EVENT_TYPE_EXC, VECTOR_BP), 0},
		{INFO(EVENT_TYPE_EXC, VECTOR_OF), 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		restart();
		vmcb_write(v, VMCB_EXITINTINFO, cases[i].found);
		svm_event_redeliver(v);
		assert_int_equal(vmcb_read(v, VMCB_EVENTINJ), cases[i].due);
		assert_int_equal(v->event_set, cases[i].due != 0);
	}
}

/* On Bochs EXITINTINFO counts unless RIP has moved on, as it does behind INT n. */
static void test_redelivery_bochs(void **state)
{
	(void)state;
	for (u32 i = 0; i < 4; i++) {
		restart();
		svm_caps.bochs = i & 1;
		vmcb_write(v, VMCB_RIP, 0x1000);
		vmcb_write(v, VMCB_NRIP, i & 2 ? 0x1002 : 0x1000);
		vmcb_write(v, VMCB_EXITINTINFO, INFO(EVENT_TYPE_EXC, VECTOR_DF));
		svm_event_redeliver(v);
		assert_int_equal(v->event_set, i != 3);
	}
	svm_caps = (struct svm_caps){0};
}

/* There an NMI goes in as an interrupt, and an exception sends it back to those that wait. */
static void test_nmi_bochs(void **state)
{
	(void)state;
	restart();
	svm_caps.bochs = true;
	inject_nmi();
	assert_int_equal(vmcb_read(v, VMCB_EVENTINJ), INFO(EVENT_TYPE_INTR, 2));
	assert_true(iret_exits() && svm.nmi_masked && !svm.nmis);
	inject(VECTOR_GP);
	assert_int_equal(vmcb_read(v, VMCB_EVENTINJ), info_of(VECTOR_GP));
	assert_true(!iret_exits() && !svm.nmi_masked && svm.nmis == 1);
	svm_caps = (struct svm_caps){0};
}

/* One goes in, one waits, more are gone; the second follows when the IRET has been stepped over. */
static void test_nmis(void **state)
{
	(void)state;
	restart();
	for (u32 i = 0; i < 5; i++)
		inject_nmi();
	assert_int_equal(vmcb_read(v, VMCB_EVENTINJ), INFO(EVENT_TYPE_NMI, 2));
	assert_int_equal(svm.nmis, 1);
	assert_true(iret_exits());
	enter();
	svm_event_iret(v);
	assert_false(iret_exits());
	assert_true(vmcb_read(v, VMCB_RFLAGS) & RFLAGS_TF);
	assert_true(vmcb_read(v, VMCB_EXC_INTERCEPTS) & 1u << VECTOR_DB);
	assert_false(v->event_set);
	vmcb_write(v, VMCB_DR6, DR6_BS);
	assert_true(svm_event_stepped(v));
	assert_int_equal(vmcb_read(v, VMCB_EVENTINJ), INFO(EVENT_TYPE_NMI, 2));
	assert_int_equal(vmcb_read(v, VMCB_EXC_INTERCEPTS), 1u << VECTOR_GP);
	assert_int_equal(vmcb_read(v, VMCB_DR6), 0);
	assert_int_equal(svm.nmis, 0);
	assert_true(iret_exits());
	enter();
	vmcb_write(v, VMCB_RFLAGS, 0); /* as the IRET popped it */
	svm_event_iret(v);
	svm_event_stepped(v);
	assert_false(v->event_set);
	assert_false(svm.nmi_masked);
	assert_false(svm_event_stepped(v)); /* any other #DB is the guest's */
}

/* The IRET to another task is carried out: the NMI that waits comes as soon as that task runs. */
static void test_task_return(void **state)
{
	(void)state;
	for (u32 waiting = 0; waiting < 2; waiting++) {
		restart();
		unblocked = 0;
		for (u32 i = 0; i <= waiting; i++)
			inject_nmi();
		enter();
		svm_event_nmi_over(v);
		assert_false(iret_exits());
		assert_false(svm.nmi_masked || v->event_set);
		assert_int_equal(v->nmi_window, waiting);
		assert_int_equal(unblocked, 1);
		svm_event_nmi_window(v);
		assert_int_equal(v->event_set, waiting);
	}
}

/* The guest steps its own NMI handler: it gets its trap. */
static void test_guest_steps(void **state)
{
	(void)state;
	restart();
	inject_nmi();
	enter();
	vmcb_write(v, VMCB_RFLAGS, RFLAGS_TF);
	svm_event_iret(v);
	vmcb_write(v, VMCB_DR6, DR6_BS);
	assert_true(svm_event_stepped(v));
	assert_int_equal(vmcb_read(v, VMCB_EVENTINJ), info_of(VECTOR_DB));
	assert_int_equal(vmcb_read(v, VMCB_DR6), DR6_BS);
}

/* An NMI that has to wait for an event or an instruction has another NMI come behind the entry. */
static void test_window(void **state)
{
	(void)state;
	for (u32 shadow = 0; shadow < 2; shadow++) {
		restart();
		if (shadow)
			vmcb_write(v, VMCB_SHADOW, 1);
		else
			inject(VECTOR_GP);
		inject_nmi();
		assert_int_equal(v->nmi_window, 1);
		assert_int_equal(svm.nmis, 1);
		svm_kick_self(v);
		assert_int_equal(v->nmi_window, 0);
		assert_int_equal(sent, 1);
		assert_int_equal(atomic_load(&pcpu.pub.kick), 1);
		svm_kick_self(v); /* one is on its way already */
		assert_int_equal(sent, 1);
		enter();
		svm_event_nmi_window(v);
		assert_int_equal(vmcb_read(v, VMCB_EVENTINJ), INFO(EVENT_TYPE_NMI, 2));
	}
}

/* An exception goes before an NMI that was set up, which is not lost. */
static void test_exception_first(void **state)
{
	(void)state;
	restart();
	inject_nmi();
	inject(VECTOR_PF);
	assert_int_equal(vmcb_read(v, VMCB_EVENTINJ), info_of(VECTOR_PF));
	assert_int_equal(svm.nmis, 1);
	assert_false(svm.nmi_masked);
	assert_int_equal(v->nmi_window, 1);
	svm_inject(v, (struct event){.type = EVENT_NONE});
	assert_int_equal(svm.nmis + v->nmi_window, 0);
	assert_false(v->event_set);
	assert_false(iret_exits());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exceptions),  cmocka_unit_test(test_double_faults),
		cmocka_unit_test(test_redelivery),  cmocka_unit_test(test_redelivery_bochs),
		cmocka_unit_test(test_nmi_bochs),   cmocka_unit_test(test_nmis),
		cmocka_unit_test(test_task_return), cmocka_unit_test(test_guest_steps),
		cmocka_unit_test(test_window),	    cmocka_unit_test(test_exception_first),
	};

	return RUN(tests);
}
