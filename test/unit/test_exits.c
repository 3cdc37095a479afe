/* SPDX-License-Identifier: MIT */
/* The handlers of MSR exits, with the rest of Lamina played by the test. */
#include "unit.h"
#include "core/apic.h"
#include "core/core.h"
#include "core/exit_handlers.h"
#include "core/mp.h"
#include "core/msr.h"
#include "core/mtrr.h"
#include "core/sipi.h"
#include "core/slat.h"
#include "core/trace.h"
#include "x86/apic.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"

#define HV_BASE	  0x3f000000ULL
#define APIC_PAGE 0xfee00000ULL
#define LOW_PAGE  0x9f000ULL

struct machine machine;
const struct backend *backend;

static struct pcpu pcpu;
static struct vcpu *const v = &pcpu.vcpu;

/* What the handlers did. */
static struct {
	u32 gps, flushes, slat_sets, published, moved;
	u64 moved_from;
	struct mtrr_state mtrr;
	u64 x2icr;
} did;

bool slat_is_write_protected(u64 gpa)
{
	return machine.low_base && align_down(gpa, PAGE_SIZE) == machine.low_base;
}

static bool trapped_msr[2][0x2000];

void trace_values(struct vcpu *cpu, u32 what, const u64 *value)
{
	(void)cpu;
	(void)what;
	(void)value;
}

enum exit_answer inject_gp(struct vcpu *cpu)
{
	assert_true(cpu == v);
	did.gps++;
	return EXIT_INJECTED;
}

void mp_publish_apic(struct pcpu *p)
{
	assert_true(p == &pcpu);
	did.published++;
}

/* Beyond this nothing can be reached. */
bool apic_set_base(u64 value)
{
	return (value & ~(PAGE_SIZE - 1)) < BIT(32) && wrmsr_safe(MSR_APIC_BASE, value);
}

void sipi_apic_moved(struct pcpu *p, u64 old)
{
	assert_true(p == &pcpu);
	did.moved++;
	did.moved_from = old;
}

enum exit_answer sipi_write_x2icr(struct vcpu *cpu, u64 value)
{
	(void)cpu;
	did.x2icr = value;
	return EXIT_RETRY;
}

void slat_set_mtrr(const struct mtrr_state *s)
{
	did.slat_sets++;
	did.mtrr = *s;
}

static u64 guest_cr0, guest_efer;

u64 guest_cr(struct vcpu *cpu, enum crm_name name)
{
	(void)cpu;
	return name == CRM_CR0 ? guest_cr0 : 0;
}

static u64 state_get(struct vcpu *cpu, enum cpu_reg r)
{
	(void)cpu;
	assert_int_equal(r, REG_EFER);
	return guest_efer;
}

static void state_set(struct vcpu *cpu, enum cpu_reg r, u64 value)
{
	(void)cpu;
	assert_int_equal(r, REG_EFER);
	guest_efer = value;
}

static void tlb_flush(struct vcpu *cpu, bool second_level)
{
	(void)cpu;
	did.flushes += second_level;
}

static void trap_msr(u32 msr, bool read, bool write)
{
	trapped_msr[0][msr] = read;
	trapped_msr[1][msr] = write;
}

static const struct backend fake_backend = {
	.state_get = state_get,
	.state_set = state_set,
	.tlb_flush = tlb_flush,
	.trap_msr = trap_msr,
};

static const struct backend fake_amd = {.vendor = CRM_AMD};

static void restart(void)
{
	memset(&did, 0, sizeof(did));
	memset(&machine, 0, sizeof(machine));
	memset(fake_cpu, 0, sizeof(*fake_cpu));
	memset(&pcpu, 0, sizeof(pcpu));
	backend = &fake_backend;
	machine.hv_base = HV_BASE;
	machine.hv_size = MiB(2);
	for (u32 i = 0; i < GPR_COUNT; i++)
		v->gpr[i] = rnd();
}

static enum exit_answer read_msr(u32 msr)
{
	struct exit x = {.kind = EXIT_RDMSR};

	v->gpr[GPR_RCX] = rnd() << 32 | msr;
	return exit_rdmsr(v, &x);
}

/* The upper halves of the registers must not matter. */
static enum exit_answer write_msr(u32 msr, u64 value)
{
	struct exit x = {.kind = EXIT_WRMSR};

	v->gpr[GPR_RCX] = rnd() << 32 | msr;
	v->gpr[GPR_RAX] = rnd() << 32 | (u32)value;
	v->gpr[GPR_RDX] = rnd() << 32 | value >> 32;
	return exit_wrmsr(v, &x);
}

/* The guest's EFER on AMD-V: never SVME, LME only while paging is off, LMA not at all, and of the
 * rest what the CPU takes; Lamina's own stays. */
static void test_efer(void **state)
{
	const u64 host = EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME;

	(void)state;
	restart();
	fake_msr(MSR_EFER, host, EFER_SCE | EFER_NXE);
	guest_cr0 = 0;
	guest_efer = 0;
	assert_int_equal(write_msr(MSR_EFER, EFER_LME | EFER_SCE), EXIT_ADVANCE);
	assert_int_equal(guest_efer, EFER_LME | EFER_SCE);
	assert_int_equal(read_msr(MSR_EFER), EXIT_ADVANCE);
	assert_int_equal(v->gpr[GPR_RAX], EFER_LME | EFER_SCE);
	guest_cr0 = CR0_PG;
	guest_efer |= EFER_LMA;
	assert_int_equal(write_msr(MSR_EFER, EFER_LMA), EXIT_INJECTED);
	assert_int_equal(write_msr(MSR_EFER, EFER_LME | EFER_NXE), EXIT_ADVANCE);
	assert_int_equal(guest_efer, EFER_LME | EFER_LMA | EFER_NXE);
	assert_int_equal(write_msr(MSR_EFER, EFER_LME | EFER_SVME), EXIT_INJECTED);
	assert_int_equal(write_msr(MSR_EFER, EFER_LME | BIT(20)), EXIT_INJECTED);
	assert_int_equal(guest_efer, EFER_LME | EFER_LMA | EFER_NXE);
	assert_int_equal(rdmsr(MSR_EFER), host);
}

/* MSRs of features that CPUID hides are absent though the machine has them. */
static bool is_hidden(u32 msr)
{
	return (msr >= 0x480 && msr <= 0x493) || msr == 0x9b || (msr >= 0x560 && msr <= 0x571) ||
	       (msr >= 0x580 && msr <= 0x587) || msr == 0x3f1;
}

static void test_hidden_msrs(void **state)
{
	(void)state;
	for (u32 msr = 0; msr < 0x2000; msr++) {
		if (!is_hidden(msr))
			continue;
		restart();
		fake_msr(msr, 0x1234, ~0ULL);
		assert_int_equal(read_msr(msr), EXIT_INJECTED);
		assert_int_equal(write_msr(msr, 0x1234), EXIT_INJECTED);
		assert_int_equal(did.gps, 2);
		assert_int_equal(rdmsr(msr), 0x1234);
	}
}

static void test_msrs(void **state)
{
	(void)state;
	restart();
	assert_int_equal(read_msr(0xc0011234), EXIT_INJECTED);
	assert_int_equal(write_msr(0xc0011234, 0), EXIT_INJECTED);
	fake_msr(0xc0011234, 0x1122334455667788, 0xff);
	assert_int_equal(read_msr(0xc0011234), EXIT_ADVANCE);
	assert_int_equal(v->gpr[GPR_RAX], 0x55667788);
	assert_int_equal(v->gpr[GPR_RDX], 0x11223344);
	assert_int_equal(write_msr(0xc0011234, 0x1122334455667799), EXIT_ADVANCE);
	assert_int_equal(rdmsr(0xc0011234), 0x1122334455667799);
	assert_int_equal(write_msr(0xc0011234, 0), EXIT_INJECTED);
	assert_int_equal(rdmsr(0xc0011234), 0x1122334455667799);
	/* locked, and without VMX */
	fake_msr(MSR_FEATURE_CONTROL, 5, 0);
	assert_int_equal(read_msr(MSR_FEATURE_CONTROL), EXIT_ADVANCE);
	assert_int_equal(v->gpr[GPR_RAX], 1);
	assert_int_equal(v->gpr[GPR_RDX], 0);
	assert_int_equal(write_msr(MSR_FEATURE_CONTROL, 4), EXIT_INJECTED);
	assert_int_equal(read_msr(MSR_VM_CR), EXIT_INJECTED);
	/* AMD-V as if the firmware had locked it off */
	fake_msr(MSR_VM_CR, 0, ~0ULL);
	fake_msr(MSR_VM_HSAVE_PA, 0x1000, ~0ULL);
	backend = &fake_amd;
	assert_int_equal(read_msr(MSR_VM_CR), EXIT_ADVANCE);
	assert_int_equal(v->gpr[GPR_RAX], VM_CR_LOCK | VM_CR_SVMDIS);
	backend = &fake_backend;
	assert_int_equal(write_msr(MSR_VM_CR, 0), EXIT_INJECTED);
	assert_int_equal(read_msr(MSR_VM_HSAVE_PA), EXIT_INJECTED);
	assert_int_equal(write_msr(MSR_VM_HSAVE_PA, 0), EXIT_INJECTED);
	/* no microcode update reaches the CPU */
	fake_msr(MSR_BIOS_UPDT_TRIG, 0, ~0ULL);
	assert_int_equal(write_msr(MSR_BIOS_UPDT_TRIG, 0x1000), EXIT_ADVANCE);
	assert_int_equal(rdmsr(MSR_BIOS_UPDT_TRIG), 0);
	assert_int_equal(write_msr(MSR_X2APIC_ICR, 0x2000000c4500), EXIT_RETRY);
	assert_int_equal(did.x2icr, 0x2000000c4500);
}

/* What AMD's processors have of the map of memory stays as it is; where it is not there, it is not.
 */
static void test_kept_msrs(void **state)
{
	static const u32 msrs[] = {0xc0010010, 0xc0010016, 0xc0010017, 0xc0010018,
				   0xc0010019, 0xc001001a, 0xc001001d, 0xc0010058,
				   0xc0010111, 0xc0010112, 0xc0010113};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(msrs); i++) {
		restart();
		assert_int_equal(write_msr(msrs[i], 1), EXIT_INJECTED);
		fake_msr(msrs[i], 0x1234, ~0ULL);
		assert_int_equal(write_msr(msrs[i], 0x5678), EXIT_ADVANCE);
		assert_int_equal(rdmsr(msrs[i]), 0x1234);
		assert_int_equal(read_msr(msrs[i]), EXIT_ADVANCE);
		assert_int_equal(v->gpr[GPR_RAX], 0x1234);
	}
}

static void test_no_pebs(void **state)
{
	(void)state;
	restart();
	assert_int_equal(read_msr(MSR_MISC_ENABLE), EXIT_INJECTED);
	fake_msr(MSR_MISC_ENABLE, 0x850089, ~0ULL);
	assert_int_equal(read_msr(MSR_MISC_ENABLE), EXIT_ADVANCE);
	assert_int_equal(v->gpr[GPR_RAX], 0x851089);
}

static void test_apic_base(void **state)
{
	const u64 bits = 0xffffff000ULL | BIT(11) | BIT(10);

	(void)state;
	restart();
	fake_msr(MSR_APIC_BASE, APIC_PAGE | 0x900, bits);
	for (u64 ours = HV_BASE; ours < HV_BASE + MiB(2); ours += PAGE_SIZE)
		assert_int_equal(write_msr(MSR_APIC_BASE, ours | 0x900), EXIT_INJECTED);
	assert_int_equal(write_msr(MSR_APIC_BASE, APIC_PAGE | 0x901), EXIT_INJECTED);
	assert_int_equal(rdmsr(MSR_APIC_BASE), APIC_PAGE | 0x900);
	machine.low_base = LOW_PAGE;
	assert_int_equal(write_msr(MSR_APIC_BASE, LOW_PAGE | 0x900), EXIT_INJECTED);
	assert_int_equal(write_msr(MSR_APIC_BASE, BIT(32) | 0x900), EXIT_INJECTED);
	assert_int_equal(did.published + did.moved + did.flushes, 0);
	atomic_store(&pcpu.pub.apic_page, APIC_PAGE);
	assert_int_equal(write_msr(MSR_APIC_BASE, (HV_BASE - PAGE_SIZE) | 0x900), EXIT_ADVANCE);
	assert_int_equal(write_msr(MSR_APIC_BASE, APIC_PAGE | 0xd00), EXIT_ADVANCE);
	assert_int_equal(rdmsr(MSR_APIC_BASE), APIC_PAGE | 0xd00);
	assert_int_equal(did.published, 2);
	assert_int_equal(did.moved, 2);
	assert_int_equal(did.flushes, 2);
	assert_int_equal(did.moved_from, APIC_PAGE);
}

/* In the order of struct mtrr_state (Intel SDM vol. 3A, table 12-9). */
static const u32 fixed_msrs[MTRR_FIXED_COUNT] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
						 0x26b, 0x26c, 0x26d, 0x26e, 0x26f};

static void make_mtrrs(void)
{
	restart();
	fake_cpu->leaf_1.edx = CPUID_1_EDX_MTRR;
	fake_msr(MSR_MTRRCAP, 0x508, 0);
	fake_msr(MSR_MTRR_DEF_TYPE, 0xc06, 0xc07);
	for (u32 i = 0; i < MTRR_FIXED_COUNT; i++)
		fake_msr(fixed_msrs[i], 0x0606060606060606, 0x0707070707070707);
	for (u32 i = 0; i < 16; i++)
		fake_msr(0x200 + i, 0, 0xffffff0ff);
}

/* The tables follow each accepted write with what all MSRs read then; a refused one changes
 * nothing. */
static void test_mtrr_writes(void **state)
{
	(void)state;
	make_mtrrs();
	for (u32 i = 0; i < MTRR_FIXED_COUNT; i++) {
		assert_int_equal(write_msr(fixed_msrs[i], 0x0101010101010100 + i % 8),
				 EXIT_ADVANCE);
		assert_int_equal(did.mtrr.fixed[i], 0x0101010101010100 + i % 8);
		assert_int_equal(write_msr(fixed_msrs[i], 0xf0), EXIT_INJECTED);
	}
	for (u32 i = 0; i < 8; i++) {
		assert_int_equal(write_msr(0x200 + 2 * i, 0x100000 * i | 6), EXIT_ADVANCE);
		assert_int_equal(did.mtrr.base[i], 0x100000 * i | 6);
		assert_int_equal(write_msr(0x201 + 2 * i, 0xfff00000), EXIT_ADVANCE);
		assert_int_equal(did.mtrr.mask[i], 0xfff00000);
	}
	assert_int_equal(write_msr(MSR_MTRR_DEF_TYPE, 0), EXIT_ADVANCE);
	assert_int_equal(did.mtrr.def_type, 0);
	assert_int_equal(did.mtrr.cap, 0x508);
	assert_int_equal(did.slat_sets, MTRR_FIXED_COUNT + 17);
	assert_int_equal(did.flushes, did.slat_sets);
	assert_int_equal(did.gps, MTRR_FIXED_COUNT);
}

static void test_mtrr_read(void **state)
{
	struct mtrr_state s;

	(void)state;
	make_mtrrs();
	fake_msr(MSR_MTRRCAP, 0x002, 0); /* no fixed ranges, two pairs */
	fake_msr(0x202, 0x12345006, 0);
	fake_msr(0x204, 0x77777006, 0);
	mtrr_read(&s);
	assert_int_equal(s.base[1], 0x12345006);
	assert_int_equal(s.base[2], 0);
	for (u32 i = 0; i < MTRR_FIXED_COUNT; i++)
		assert_int_equal(s.fixed[i], 0);
	fake_cpu->leaf_1.edx = 0; /* a CPU without */
	fake_cpu->msr_count = 0;
	mtrr_read(&s);
	assert_int_equal(s.def_type, 0x806);
}

/* All that must exit does, and nothing else: each exit costs. */
static void test_trapped_msrs(void **state)
{
	(void)state;
	restart();
	memset(trapped_msr, 0, sizeof(trapped_msr));
	msr_trap_init();
	for (u32 msr = 0; msr < 0x2000; msr++) {
		bool both = is_hidden(msr), locked = msr == MSR_FEATURE_CONTROL;
		bool mtrr = msr == 0x2ff || (msr >= 0x200 && msr < 0x220);

		for (u32 i = 0; i < MTRR_FIXED_COUNT; i++)
			mtrr |= msr == fixed_msrs[i];
		assert_int_equal(trapped_msr[0][msr], both || locked || msr == MSR_MISC_ENABLE);
		assert_int_equal(trapped_msr[1][msr],
				 both || mtrr || msr == MSR_APIC_BASE || msr == MSR_BIOS_UPDT_TRIG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hidden_msrs),  cmocka_unit_test(test_efer),
		cmocka_unit_test(test_kept_msrs),    cmocka_unit_test(test_no_pebs),
		cmocka_unit_test(test_msrs),	     cmocka_unit_test(test_apic_base),
		cmocka_unit_test(test_mtrr_writes),  cmocka_unit_test(test_mtrr_read),
		cmocka_unit_test(test_trapped_msrs),
	};

	return RUN_SEEDED(tests);
}
