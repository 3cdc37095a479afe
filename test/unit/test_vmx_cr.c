/* SPDX-License-Identifier: MIT */
/*
 * The model's result made real on a VMCS that is an array. What an emulator cannot show: that the
 * TLB is flushed at all (it forgets translations at every entry), and not before the change.
 */
#include "unit.h"
#include "vmx/vmx.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"

struct vmx_caps vmx_caps;

static struct vcpu vcpu;
static u32 flushes, efer_writes;
static u64 efer, hw_then, shadow_then; /* in the VMCS when the flush came */
static enum crm_name name;

void vmx_tlb_flush(struct vcpu *v, bool second_level)
{
	assert_ptr_equal(v, &vcpu);
	assert_false(second_level);
	hw_then = vmread(name == CRM_CR0 ? VMCS_GUEST_CR0 : VMCS_GUEST_CR4);
	shadow_then = vmread(name == CRM_CR0 ? VMCS_CR0_SHADOW : VMCS_CR4_SHADOW);
	flushes++;
}

void vmx_state_set(struct vcpu *v, enum cpu_reg r, u64 value)
{
	assert_ptr_equal(v, &vcpu);
	assert_int_equal(r, REG_EFER);
	efer = value;
	efer_writes++;
}

static void commit(enum crm_name n, u64 effects)
{
	struct crm_result r = {
		.verdict = CRM_OK, .effects = effects, .next = {.hw = 0x31, .shadow = 0x11}};

	name = n;
	flushes = efer_writes = 0;
	memset(fake_cpu->vmcs, 0, sizeof(fake_cpu->vmcs));
	vmwrite(VMCS_GUEST_EFER, EFER_LME | EFER_SCE);
	vmx_cr_commit(&vcpu, n, &r);
	assert_int_equal(vmread(n == CRM_CR0 ? VMCS_GUEST_CR0 : VMCS_GUEST_CR4), 0x31);
	assert_int_equal(vmread(n == CRM_CR0 ? VMCS_CR0_SHADOW : VMCS_CR4_SHADOW), 0x11);
	assert_int_equal(vmread(n == CRM_CR0 ? VMCS_GUEST_CR4 : VMCS_GUEST_CR0), 0);
	assert_int_equal(vmread(n == CRM_CR0 ? VMCS_CR4_SHADOW : VMCS_CR0_SHADOW), 0);
}

static void test_flush(void **state)
{
	static const u64 all[] = {CRM_TLB_ALL, CRM_TLB_PCID, CRM_TLB_ALL | CRM_TLB_PCID};

	(void)state;
	for (enum crm_name n = CRM_CR0; n < CRM_CRS; n++) {
		for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
			commit(n, all[i]);
			assert_int_equal(flushes, 1);
			assert_int_equal(hw_then, 0x31);
			assert_int_equal(shadow_then, 0x11);
		}
		commit(n, CRM_PDPTE | CRM_LMA_SET | CRM_PAGED);
		assert_int_equal(flushes, 0);
	}
}

static void test_lma(void **state)
{
	(void)state;
	commit(CRM_CR0, CRM_TLB_ALL | CRM_LMA_SET);
	assert_int_equal(efer_writes, 1);
	assert_int_equal(efer, EFER_LMA | EFER_LME | EFER_SCE);
	commit(CRM_CR0, CRM_TLB_ALL | CRM_LMA_CLEAR);
	assert_int_equal(efer_writes, 1);
	assert_int_equal(efer, EFER_LME | EFER_SCE);
	commit(CRM_CR4, CRM_TLB_ALL);
	assert_int_equal(efer_writes, 0);
}

/* CD and NW are in the real register, which no entry loads; the rest of it is Lamina's. */
static void test_cache_bits(void **state)
{
	const u64 host = CR0_PG | CR0_WP | CR0_NE | CR0_PE;

	(void)state;
	for (u32 i = 0; i < 4; i++) {
		u64 bits = (i & 1 ? CR0_CD : 0) | (i & 2 ? CR0_CD | CR0_NW : 0);

		write_cr0(host | (i == 0 ? CR0_CD | CR0_NW : 0));
		vmx_set_cr0(bits | CR0_AM);
		assert_int_equal(read_cr0(), host | bits);
		assert_int_equal(vmread(VMCS_GUEST_CR0), bits | CR0_AM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_lma),
		cmocka_unit_test(test_cache_bits),
	};

	return RUN(tests);
}
