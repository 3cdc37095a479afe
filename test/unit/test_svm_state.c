/* SPDX-License-Identifier: MIT */
/*
 * The VMCB of a guest CPU: registers and where they lie, clean bits, and how a CPU enters and
 * leaves SVM operation, with and without VM_CR, which emulators lack.
 */
#include "svm_world.h"
#include "core/cr.h"
#include "hv/gmem.h"
#include "core/page.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/rflags.h"
#include "x86/seg.h"
#include "x86/vector.h"

static struct event injected;
static u64 pdpt_at, guest_pdpte;
static u32 intercept_updates;

u64 cr4_supported(void)
{
	return CR4_PAE;
}

void svm_inject(struct vcpu *cpu, struct event e)
{
	injected = e;
	cpu->event_set = true;
}

void svm_cr_intercept(struct vcpu *cpu)
{
	(void)cpu;
	intercept_updates++;
}

bool gmem_read_phys(u64 gpa, void *out, size_t n)
{
	pdpt_at = gpa;
	memcpy(out, &guest_pdpte, n);
	return true;
}

u64 gmem_next_rip(struct vcpu *cpu, const struct exit *x)
{
	(void)cpu;
	return x->rip + x->length;
}

static u8 pages[8][PAGE_SIZE] __attribute__((aligned(4096)));
static u32 pages_used, pages_allowed;

void *page_alloc(u64 n)
{
	void *p = pages[pages_used];

	if (pages_used + n > pages_allowed)
		return NULL;
	pages_used += (u32)n;
	return memset(p, 0, n * PAGE_SIZE);
}

hpa_t page_hpa(const void *p)
{
	return HPA(0x100000 + (u64)((const u8 *)p - pages[0]));
}

err_t svm_trap_init(void)
{
	return OK;
}

hpa_t svm_msr_bitmap(void)
{
	return HPA(0x10000);
}

hpa_t svm_io_bitmap(void)
{
	return HPA(0x20000);
}

static int restart(void **state)
{
	static struct fake_cpu cpu;

	(void)state;
	memset(&cpu, 0, sizeof(cpu));
	fake_cpu = &cpu;
	world_restart();
	svm_caps = (struct svm_caps){.nx = true};
	injected = (struct event){.type = EVENT_NONE};
	intercept_updates = 0;
	fake_msr(MSR_EFER, EFER_LME | EFER_LMA, EFER_SVME | EFER_NXE);
	fake_msr(MSR_VM_HSAVE_PA, 0, ~0xfffULL);
	fake_msr(MSR_PAT, PAT_RESET, ~0ULL);
	pages_used = 0;
	pages_allowed = ARRAY_SIZE(pages);
	return 0;
}

/* Bytes of the VMCB against clean bits (AMD APM vol. 2, 15.15.3 and appendix B); every field that
 * is not here is read at each entry. */
static const struct {
	u32 from, to, bit;
} clean[] = {
	{0x000, 0x014, 0}, {0x03c, 0x040, 0},  {0x050, 0x058, 0}, {0x040, 0x050, 1},
	{0x058, 0x05c, 2}, {0x060, 0x068, 3},  {0x090, 0x098, 4}, {0x0b0, 0x0b8, 4},
	{0x668, 0x670, 4}, {0x4d0, 0x4d8, 5},  {0x548, 0x560, 5}, {0x560, 0x570, 6},
	{0x460, 0x470, 7}, {0x480, 0x490, 7},  {0x400, 0x440, 8}, {0x4cb, 0x4cc, 8},
	{0x640, 0x648, 9}, {0x670, 0x678, 10},
};

static const u32 fields[] = {
#define VMCB_FIELD(name, offset, bytes, clean, text) VMCB_##name,
#include "svm/svm_fields.def"
#undef VMCB_FIELD
};

static u64 unclean_after(u32 offset)
{
	for (size_t i = 0; i < ARRAY_SIZE(clean); i++)
		if (offset >= clean[i].from && offset < clean[i].to)
			return BIT(clean[i].bit);
	return 0;
}

static void test_clean_bits(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fields[i] == VMCB_CLEAN)
			continue;
		vmcb_write(v, VMCB_CLEAN, 0x7ff);
		vmcb_write(v, fields[i], 1);
		assert_int_equal(vmcb_read(v, VMCB_CLEAN),
				 0x7ff & ~unclean_after(fields[i] & 0xfff));
	}
	/* whatever is set by its common name, the CPU reads it again */
	for (u32 r = 0; r < REG_COUNT; r++) {
		u8 before[PAGE_SIZE];

		vmcb_write(v, VMCB_CLEAN, 0x7ff);
		memcpy(before, vmcb, sizeof(before));
		svm_state_set(v, r, svm_state_get(v, r) ^ 0x81);
		for (u32 at = 0; at < PAGE_SIZE; at++)
			if (at / 4 != 0xc0 / 4 && vmcb[at] != before[at])
				assert_int_equal(vmcb_read(v, VMCB_CLEAN) & unclean_after(at), 0);
	}
}

static void test_caps(void **state)
{
	(void)state;
	assert_string_equal(svm_probe(), "no VT-x or AMD-V");
	fake_cpu->leaf_8[0].eax = 0x8000000a;
	assert_string_equal(svm_probe(), "no VT-x or AMD-V");
	fake_cpu->leaf_8[1].ecx = 4;
	fake_cpu->leaf_8[8].eax = 0x3028;
	assert_string_equal(svm_probe(), "AMD-V without nested paging");
	fake_cpu->leaf_8[10].edx = 1;
	assert_true(svm_probe() == OK);
	assert_int_equal(svm_caps.clean, 0); /* not offered: every entry reads all */
	assert_int_equal(svm_caps.phys_bits, 40);
	fake_cpu->leaf_8[10].edx = 1 | 1 << 5;
	assert_true(svm_probe() == OK);
	assert_int_equal(svm_caps.clean, 0x7ff);
}

static void test_enable(void **state)
{
	(void)state;
	v->arch = NULL;
	pages_allowed = 3;
	assert_string_equal(svm_enable(v), "too little memory for the VMCB");
	assert_null(v->arch);
	pages_used = 0;
	pages_allowed = 4;
	assert_true(svm_enable(v) == OK); /* no VM_CR */
	assert_int_equal(rdmsr(MSR_EFER), EFER_LME | EFER_LMA | EFER_SVME | EFER_NXE);
	assert_int_equal(rdmsr(MSR_VM_HSAVE_PA), page_hpa(svm_of(v)->hsave).v);
	assert_true(svm_enable(v) == OK); /* in the same pages again */
	svm_disable(v);
	assert_int_equal(rdmsr(MSR_EFER), EFER_LME | EFER_LMA | EFER_NXE);
}

/* Hardware: an INIT becomes #SX for as long as Lamina is there; the other bits are the firmware's.
 */
static void test_r_init(void **state)
{
	struct fake_msr *vm_cr = fake_msr(MSR_VM_CR, VM_CR_LOCK | BIT(0), VM_CR_R_INIT);

	(void)state;
	v->arch = NULL;
	pages_used = 0;
	pages_allowed = 4;
	assert_true(svm_enable(v) == OK);
	assert_int_equal(vm_cr->value, VM_CR_LOCK | BIT(0) | VM_CR_R_INIT);
	svm_disable(v);
	assert_int_equal(vm_cr->value, VM_CR_LOCK | BIT(0));
	vm_cr->value |= VM_CR_SVMDIS;
	assert_string_equal(svm_enable(v), "AMD-V locked off by the firmware");
	assert_int_equal(vm_cr->value, VM_CR_LOCK | BIT(0) | VM_CR_SVMDIS);
	assert_false(rdmsr(MSR_EFER) & EFER_SVME);
}

static void test_vcpu_init(void **state)
{
	(void)state;
	svm.nmis = 2;
	svm.nmi_masked = svm.stepping = true;
	svm.host_pa = 0x4000;
	vmcb_write(v, VMCB_CLEAN, 0x7ff);
	assert_true(svm_vcpu_init(v) == OK);
	assert_int_equal(vmcb_read(v, VMCB_CLEAN), 0);
	assert_int_equal(vmcb_read(v, VMCB_EXC_INTERCEPTS), 1u << 13 | 1u << 30);
	assert_int_equal(vmcb_read(v, VMCB_CR_INTERCEPTS), 0);
	/* NMI, CPUID, INVD, INVLPGA, I/O, MSR, shutdown; an INIT is redirected instead */
	assert_int_equal(vmcb_read(v, VMCB_INTERCEPTS1),
			 1u << 1 | 1u << 18 | 1u << 22 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 31);
	assert_int_equal(vmcb_read(v, VMCB_INTERCEPTS2), 0x7f);
	assert_int_equal(vmcb_read(v, VMCB_MSRPM), 0x10000);
	assert_int_equal(vmcb_read(v, VMCB_IOPM), 0x20000);
	assert_int_equal(vmcb_read(v, VMCB_ASID), 1);
	assert_int_equal(vmcb_read(v, VMCB_NP_ENABLE), 1);
	assert_int_equal(vmcb_read(v, VMCB_TLB_CONTROL), TLB_FLUSH_ALL);
	assert_int_equal(vmcb_read(v, VMCB_EFER), EFER_SVME);
	assert_int_equal(rdmsr(MSR_PAT), NPT_PAT);
	assert_int_equal(fake_cpu->vmsaved, 0x4000);
	assert_int_equal(svm.nmis + svm.nmi_masked + svm.stepping, 0);
	svm_disable(v);
	assert_int_equal(rdmsr(MSR_PAT), PAT_RESET);
}

/* Attributes go in and out in VT-x's form. */
static void test_segments(void **state)
{
	static const u32 offset[SEG_COUNT] = {0x400, 0x410, 0x420, 0x430,
					      0x440, 0x450, 0x470, 0x490};

	(void)state;
	for (u32 s = 0; s < SEG_COUNT; s++) {
		svm_state_set(v, REG_SEG(s, SEG_SEL), 0x1230 + s);
		svm_state_set(v, REG_SEG(s, SEG_BASE), 0xffff800000000000 + s);
		svm_state_set(v, REG_SEG(s, SEG_LIMIT), 0xfffff000 + s);
		svm_state_set(v, REG_SEG(s, SEG_AR), 0xc09b);
		assert_int_equal(*(u16 *)(vmcb + offset[s]), 0x1230 + s);
		assert_int_equal(*(u16 *)(vmcb + offset[s] + 2), 0xc9b);
		assert_int_equal(*(u32 *)(vmcb + offset[s] + 4), 0xfffff000 + s);
		assert_int_equal(*(u64 *)(vmcb + offset[s] + 8), 0xffff800000000000 + s);
		assert_int_equal(svm_state_get(v, REG_SEG(s, SEG_AR)), 0xc09b);
		svm_state_set(v, REG_SEG(s, SEG_AR), SEG_AR_UNUSABLE | 0x93);
		assert_int_equal(*(u16 *)(vmcb + offset[s] + 2), 0);
		assert_int_equal(svm_state_get(v, REG_SEG(s, SEG_AR)), SEG_AR_UNUSABLE);
	}
	svm_state_set(v, REG_SEG(SEG_SS, SEG_AR), 0xc0f3);
	assert_int_equal(vmcb[0x4cb], 3);
	vmcb[0x4cb] = 2; /* the CPL is the truth */
	assert_int_equal(svm_state_get(v, REG_SEG(SEG_SS, SEG_AR)), 0xc0d3);
}

/* The guest has an EFER without SVME; on QEMU LME reaches the hardware with paging only. */
static void test_efer(void **state)
{
	(void)state;
	for (u32 tcg = 0; tcg < 2; tcg++) {
		svm_caps.tcg = tcg;
		svm_state_set(v, REG_CR0, CR0_PE);
		svm_state_set(v, REG_EFER, EFER_LME | EFER_SCE);
		assert_int_equal(svm_state_get(v, REG_EFER), EFER_LME | EFER_SCE);
		assert_int_equal(vmcb_read(v, VMCB_EFER),
				 EFER_SVME | EFER_SCE | (tcg ? 0 : EFER_LME));
		svm_state_set(v, REG_CR0, CR0_PG | CR0_PE);
		svm_state_set(v, REG_EFER, EFER_LME | EFER_LMA);
		assert_int_equal(vmcb_read(v, VMCB_EFER), EFER_SVME | EFER_LME | EFER_LMA);
		/* an SMI, an exit of its handler, and RSM */
		vmcb_write(v, VMCB_CR0, CR0_PE);
		vmcb_write(v, VMCB_EFER, 0);
		svm_state_set(v, REG_EFER, svm_state_get(v, REG_EFER) & ~(u64)EFER_LMA);
		assert_false(svm_state_get(v, REG_EFER) & EFER_LMA);
		vmcb_write(v, VMCB_EFER, EFER_SVME | EFER_LME | EFER_LMA);
		assert_int_equal(svm_state_get(v, REG_EFER), EFER_LME | EFER_LMA);
	}
}

static void test_soft_registers(void **state)
{
	(void)state;
	svm_state_set(v, REG_CR0_SHADOW, 1);
	svm_state_set(v, REG_CR0_OWNED, 2);
	svm_state_set(v, REG_CR4_SHADOW, 3);
	svm_state_set(v, REG_CR4_OWNED, 4);
	assert_int_equal(intercept_updates, 4);
	svm_state_set(v, REG_CR4, 5);
	svm_state_set(v, REG_CR0, 6);
	assert_int_equal(intercept_updates, 6);
	assert_int_equal(svm.cr[CRM_CR0].shadow, 1);
	assert_int_equal(svm.cr[CRM_CR0].owned, 2);
	assert_int_equal(svm.cr[CRM_CR4].shadow, 3);
	assert_int_equal(svm.cr[CRM_CR4].owned, 4);
	svm_state_set(v, REG_INTERRUPTIBILITY, 9);
	assert_int_equal(vmcb_read(v, VMCB_SHADOW), 1);
	assert_true(svm.nmi_masked);
	assert_int_equal(svm_state_get(v, REG_INTERRUPTIBILITY), 9);
	svm_state_set(v, REG_INTERRUPTIBILITY, 0);
	assert_int_equal(svm_state_get(v, REG_INTERRUPTIBILITY), 0);
	vmcb_write(v, VMCB_CR3, 0xabc12345678);
	guest_pdpte = 0x9001;
	assert_int_equal(svm_state_get(v, REG_PDPTE0 + 2), 0x9001);
	assert_int_equal(pdpt_at, 0x12345660 + 16);
}

/* Behind the instruction, without its shadow; a TF trap comes unless BTF makes it one of branches
 * or another event is set up. */
static void test_advance(void **state)
{
	const struct exit x = {.kind = EXIT_CPUID, .rip = 0x7000, .length = 2};

	(void)state;
	vmcb_write(v, VMCB_SHADOW, 1);
	svm_advance(v, &x);
	assert_int_equal(vmcb_read(v, VMCB_RIP), 0x7002);
	assert_int_equal(vmcb_read(v, VMCB_SHADOW), 0);
	assert_int_equal(injected.type, EVENT_NONE);
	vmcb_write(v, VMCB_RFLAGS, RFLAGS_TF);
	vmcb_write(v, VMCB_DEBUGCTL, 2);
	svm_advance(v, &x);
	assert_int_equal(injected.type, EVENT_NONE);
	vmcb_write(v, VMCB_DEBUGCTL, 0);
	svm_advance(v, &x);
	assert_true(injected.type == EVENT_EXCEPTION && injected.vector == VECTOR_DB);
	assert_int_equal(vmcb_read(v, VMCB_DR6), DR6_BS);
	injected.type = EVENT_NONE;
	svm_advance(v, &x);
	assert_int_equal(injected.type, EVENT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_clean_bits, restart),
		cmocka_unit_test_setup(test_caps, restart),
		cmocka_unit_test_setup(test_enable, restart),
		cmocka_unit_test_setup(test_r_init, restart),
		cmocka_unit_test_setup(test_vcpu_init, restart),
		cmocka_unit_test_setup(test_segments, restart),
		cmocka_unit_test_setup(test_efer, restart),
		cmocka_unit_test_setup(test_soft_registers, restart),
		cmocka_unit_test_setup(test_advance, restart),
	};

	return RUN(tests);
}
