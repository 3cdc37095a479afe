/* SPDX-License-Identifier: MIT */
/*
 * Events into the guest, on a VMCS that is an array: what a second event does to a first, by the
 * manual's tables, and that NMIs arrive once each, two at most waiting.
 */
#include "unit.h"
#include "core/trap.h"
#include "hv/exit.h"
#include "vmx/vmx.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/vector.h"

static struct vcpu vcpu;
static struct vmx_vcpu vmx;

#define INFO(type, vector) (INTR_INFO_VALID | (type) << 8 | (vector))

void trap_unblock_nmi(void)
{
}

void vmx_entry_failed(struct vcpu *v)
{
	(void)v;
	abort();
}

static void restart(void)
{
	memset(&vcpu, 0, sizeof(vcpu));
	memset(&vmx, 0, sizeof(vmx));
	memset(fake_cpu->vmcs, 0, sizeof(fake_cpu->vmcs));
	vcpu.arch = &vmx;
	vmx.proc = 0x96006172;
	vmwrite(VMCS_PROC_CONTROLS, vmx.proc);
	vmwrite(VMCS_GUEST_CR0, CR0_PE);
	vmwrite(VMCS_GUEST_PENDING_DEBUG, 0);
}

static bool has_error(u32 vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;
}

static void inject(u32 vector, u32 error)
{
	vmx_inject(&vcpu, (struct event){.type = EVENT_EXCEPTION,
					 .vector = (u8)vector,
					 .has_error = has_error(vector),
					 .error = error});
}

static void inject_nmi(void)
{
	vmx_inject(&vcpu, (struct event){.type = EVENT_NMI});
}

static u64 info_of(u32 vector)
{
	return INFO((u64)INTR_TYPE_HARD_EXC, vector) | (has_error(vector) ? BIT(11) : 0);
}

static void assert_entry(u64 info, u64 error)
{
	assert_true(vcpu.event_set);
	assert_int_equal(vmread(VMCS_ENTRY_INTR_INFO), info);
	if (info & INTR_INFO_ERROR)
		assert_int_equal(vmread(VMCS_ENTRY_ERROR_CODE), error);
}

static bool window(void)
{
	assert_int_equal(vmread(VMCS_PROC_CONTROLS), vmx.proc);
	return vmx.proc & PROC_NMI_WINDOW;
}

/* "Intel SDM vol. 3A", table 6-5, in words. */
enum class { BENIGN, CONTRIBUTORY, PAGE_FAULT };

static enum class class_of(u32 vector) {
	if (vector == 14) return PAGE_FAULT;
	return vector == 0 || (vector >= 10 && vector <= 13) || vector == 21 ? CONTRIBUTORY
									     : BENIGN;
}

static void test_double_faults(void **state)
{
	(void)state;
	for (u32 first = 0; first < 32; first++) {
		for (u32 second = 0; second < 32; second++) {
			bool df = (class_of(first) == CONTRIBUTORY &&
				   class_of(second) == CONTRIBUTORY) ||
				  (class_of(first) == PAGE_FAULT && class_of(second) != BENIGN);

			restart();
			inject(first, 0x1234);
			assert_entry(info_of(first), 0x1234);
			inject(second, 0x4321);
			if (first == VECTOR_DF && class_of(second) == BENIGN)
				continue; /* the table has no such pair */
			if (first == VECTOR_DF) {
				assert_int_equal(vmread(VMCS_ENTRY_INTR_INFO), 0);
				assert_int_equal(vmread(VMCS_GUEST_ACTIVITY), ACTIVITY_SHUTDOWN);
			} else if (df) {
				assert_entry(info_of(VECTOR_DF), 0);
			} else {
				assert_entry(info_of(second), 0x4321);
			}
		}
	}
}

/* An exception in the delivery of what is no hardware exception is never #DF. */
static void test_serial_pairs(void **state)
{
	static const u32 types[] = {INTR_TYPE_EXT, INTR_TYPE_SOFT_INT, INTR_TYPE_PRIV_SOFT_EXC,
				    INTR_TYPE_SOFT_EXC};

	(void)state;
	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		for (u32 second = 0; second < 32; second++) {
			restart();
			vmwrite(VMCS_IDT_VECTORING_INFO, INFO((u64)types[t], VECTOR_GP));
			vmx_event_redeliver(&vcpu);
			inject(second, 7);
			assert_entry(info_of(second), 7);
		}
	}
}

/* What an exit cut short goes in again just as it was (Intel SDM vol. 3C, 28.2.4). */
static void test_redelivery(void **state)
{
	(void)state;
	restart();
	vmwrite(VMCS_IDT_VECTORING_INFO, 0x30e);
	vmx_event_redeliver(&vcpu);
	assert_false(vcpu.event_set);
	assert_int_equal(vmread(VMCS_ENTRY_INTR_INFO), 0);
	for (u32 type = 0; type < 7; type++) {
		bool soft = type >= INTR_TYPE_SOFT_INT;
		u64 info = INFO((u64)type, type == INTR_TYPE_NMI ? 2 : 14);

		if (type == 1)
			continue;
		info |= type == INTR_TYPE_HARD_EXC ? INTR_INFO_ERROR : 0;
		restart();
		vmwrite(VMCS_IDT_VECTORING_INFO, info | INTR_INFO_NMI_UNBLOCK);
		vmwrite(VMCS_IDT_VECTORING_ERROR, 0x77);
		vmwrite(VMCS_EXIT_INSN_LENGTH, 2);
		vmwrite(VMCS_GUEST_INTERRUPTIBILITY, 8);
		vmx_event_redeliver(&vcpu);
		assert_entry(info, 0x77);
		assert_int_equal(vmread(VMCS_ENTRY_INSN_LENGTH), soft ? 2 : 0);
		assert_int_equal(vmread(VMCS_GUEST_INTERRUPTIBILITY),
				 type == INTR_TYPE_NMI ? 0 : 8);
	}
}

static void test_nmi_blocked(void **state)
{
	static const struct {
		u32 interruptibility, activity;
		bool event, blocked;
		u64 debug; /* pending debug exceptions */
	} cases[] = {
		{0, ACTIVITY_ACTIVE, false, false, 0},
		{0, ACTIVITY_HLT, false, false, 0},
		{INTERRUPTIBILITY_NMI, ACTIVITY_ACTIVE, false, true, 0},
		{INTERRUPTIBILITY_MOV_SS, ACTIVITY_ACTIVE, false, true, 0},
		{INTERRUPTIBILITY_STI, ACTIVITY_ACTIVE, false, true, 0},
		{0, ACTIVITY_SHUTDOWN, false, true, 0},
		{0, ACTIVITY_WAIT_SIPI, false, true, 0},
		{0, ACTIVITY_ACTIVE, true, true, 0},
		{0, ACTIVITY_ACTIVE, false, true, BIT(14)},
		{0, ACTIVITY_ACTIVE, false, true, BIT(12) | BIT(0)},
		{0, ACTIVITY_ACTIVE, false, false, BIT(0)},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		restart();
		vmwrite(VMCS_GUEST_INTERRUPTIBILITY, cases[i].interruptibility);
		vmwrite(VMCS_GUEST_ACTIVITY, cases[i].activity);
		vmwrite(VMCS_GUEST_PENDING_DEBUG, cases[i].debug);
		if (cases[i].event)
			inject(VECTOR_GP, 0);
		inject_nmi();
		assert_int_equal(window(), cases[i].blocked);
		assert_int_equal(vmx.nmis, cases[i].blocked);
		if (!cases[i].blocked)
			assert_entry(INFO(INTR_TYPE_NMI, 2), 0);
		else if (cases[i].event)
			assert_entry(info_of(VECTOR_GP), 0);
		else
			assert_false(vcpu.event_set);
	}
}

/* An exception goes in before an NMI that was set up; the NMI follows when the guest can take it.
 */
static void test_nmi_is_not_lost(void **state)
{
	(void)state;
	restart();
	inject_nmi();
	inject(VECTOR_PF, 2);
	assert_entry(info_of(VECTOR_PF), 2);
	assert_true(window());
	vcpu.event_set = false; /* the entry, and the exit of the window */
	vmwrite(VMCS_ENTRY_INTR_INFO, 0);
	vmx_event_nmi_window(&vcpu);
	assert_entry(INFO(INTR_TYPE_NMI, 2), 0);
	assert_false(window());
}

/* A guest that takes NMIs at random times gets each, but those beyond one handled and one waiting.
 */
static void test_nmi_count(void **state)
{
	(void)state;
	for (u32 round = 0; round < 2000; round++) {
		bool handling = false; /* model: the guest is in its handler, another one waits */
		u32 waiting = 0, delivered = 0, due = 0;

		restart();
		for (u32 step = 0; step < 60; step++) {
			for (u64 n = rnd_below(2) * rnd_below(4); n; n--) {
				if (waiting + handling < 2) {
					waiting++;
					due++;
				}
				inject_nmi();
			}
			if (rnd_below(8) == 0 && !vcpu.event_set)
				inject(VECTOR_UD, 0);
			/* an entry: the event goes in; the guest runs, perhaps to its IRET */
			if (vcpu.event_set &&
			    INTR_INFO_TYPE(vmread(VMCS_ENTRY_INTR_INFO)) == INTR_TYPE_NMI) {
				assert_true(waiting && !handling);
				handling = true;
				waiting--;
				delivered++;
			}
			vcpu.event_set = false;
			vmwrite(VMCS_ENTRY_INTR_INFO, 0);
			if (rnd_below(3) == 0)
				handling = false;
			vmwrite(VMCS_GUEST_INTERRUPTIBILITY, handling ? 8 : 0);
			if (window() && !handling)
				vmx_event_nmi_window(&vcpu);
		}
		assert_int_equal(delivered + waiting, due);
	}
}

/* Real mode's exceptions have no error code, and VM entry refuses one. */
static void test_real_mode(void **state)
{
	(void)state;
	restart();
	vmwrite(VMCS_GUEST_CR0, 0);
	inject(VECTOR_GP, 0);
	assert_entry(INFO((u64)INTR_TYPE_HARD_EXC, VECTOR_GP), 0);
}

/* An exit with these values while IRET runs, which has unblocked NMIs: are they blocked again? */
static bool iret_undone(u32 reason, u64 qual, u64 info, u64 vectoring)
{
	struct exit x = {0};

	restart();
	vmwrite(VMCS_EXIT_REASON, reason);
	vmwrite(VMCS_EXIT_QUALIFICATION, qual);
	vmwrite(VMCS_EXIT_INTR_INFO, info);
	vmwrite(VMCS_IDT_VECTORING_INFO, vectoring);
	vmx_decode(&vcpu, &x);
	return vmread(VMCS_GUEST_INTERRUPTIBILITY) & INTERRUPTIBILITY_NMI;
}

/* Bit 12 says that IRET did it; where an event was being delivered it says nothing, and of an EPT
 * misconfiguration neither (Intel SDM vol. 3C, 28.2.3 and table 28-7). */
static void test_iret(void **state)
{
	const u64 fault = INFO((u64)INTR_TYPE_HARD_EXC, VECTOR_PF), unblock = INTR_INFO_NMI_UNBLOCK;
	const u64 delivery = INFO((u64)INTR_TYPE_EXT, 0x30);

	(void)state;
	assert_true(iret_undone(VMX_EPT_VIOLATION, unblock, 0, 0));
	assert_false(iret_undone(VMX_EPT_VIOLATION, 0, 0, 0));
	assert_false(iret_undone(VMX_EPT_VIOLATION, unblock, 0, delivery));
	assert_false(iret_undone(VMX_EPT_MISCONFIG, unblock, 0, 0));
	assert_true(iret_undone(VMX_EXCEPTION_OR_NMI, 0, fault | unblock, 0));
	assert_false(iret_undone(VMX_EXCEPTION_OR_NMI, unblock, fault, 0));
	assert_false(iret_undone(VMX_EXCEPTION_OR_NMI, 0, fault | unblock, delivery));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_double_faults),	cmocka_unit_test(test_serial_pairs),
		cmocka_unit_test(test_redelivery),	cmocka_unit_test(test_nmi_blocked),
		cmocka_unit_test(test_nmi_is_not_lost), cmocka_unit_test(test_nmi_count),
		cmocka_unit_test(test_real_mode),	cmocka_unit_test(test_iret),
	};

	return RUN_SEEDED(tests);
}
