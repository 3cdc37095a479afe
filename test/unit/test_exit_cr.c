/* SPDX-License-Identifier: MIT */
/* The handler of CR exits and the owned masks, with a backend and a log played by the test. */
#include "unit.h"
#include "core/core.h"
#include "core/cr.h"
#include "core/exit_handlers.h"
#include "core/gmem.h"
#include "core/serial.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"
#include "x86/seg.h"

struct machine machine;
const struct backend *backend;

static struct pcpu pcpu;
static struct vcpu *const v = &pcpu.vcpu;
static u64 reg[REG_COUNT], reg_then[REG_COUNT]; /* then: when a flush came */
static u64 pdptes[4];
static bool no_memory;
static char said[256];
static u32 lines, gps, uds, flushes, commits, efer_writes;

enum exit_answer inject_gp(struct vcpu *cpu)
{
	(void)cpu;
	gps++;
	return EXIT_INJECTED;
}

enum exit_answer inject_ud(struct vcpu *cpu)
{
	(void)cpu;
	uds++;
	return EXIT_INJECTED;
}

u32 guest_cpl(struct vcpu *cpu)
{
	(void)cpu;
	return 0;
}

bool gmem_read_phys(u64 gpa, void *out, size_t n)
{
	assert_int_equal(gpa, reg[REG_CR3] & 0xffffffe0);
	memcpy(out, pdptes, n);
	return !no_memory;
}

void say(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	vsnprintf(said, sizeof(said), f, ap);
	va_end(ap);
	lines++;
}

static u64 fake_get(struct vcpu *cpu, enum cpu_reg r)
{
	(void)cpu;
	return reg[r];
}

static void fake_set(struct vcpu *cpu, enum cpu_reg r, u64 value)
{
	(void)cpu;
	reg[r] = value;
	commits += r == REG_CR0 || r == REG_CR4;
	efer_writes += r == REG_EFER;
}

static struct crm_limits fake_limits(enum crm_name name)
{
	return crm_vmx_limits(name, name == CRM_CR0 ? 0x80000021 : 0x2000,
			      name == CRM_CR0 ? 0xffffffff : 0x3727ff, true);
}

static void fake_flush(struct vcpu *cpu, bool second_level)
{
	(void)cpu;
	assert_false(second_level);
	flushes++;
	memcpy(reg_then, reg, sizeof(reg));
}

static const struct backend fake = {
	.vendor = CRM_INTEL,
	.state_get = fake_get,
	.state_set = fake_set,
	.cr_limits = fake_limits,
	.tlb_flush = fake_flush,
};

/* A 32-bit guest with paging off, all masks at their minimum. */
static int setup(void **state)
{
	static struct fake_cpu cpu = {.leaf_1 = {.ecx = ~0u, .edx = ~0u}};

	(void)state;
	fake_cpu = &cpu;
	backend = &fake;
	machine = (struct machine){.phys_bits = 40};
	memset(reg, 0, sizeof(reg));
	memset(pdptes, 0, sizeof(pdptes));
	memset(v->gpr, 0, sizeof(v->gpr));
	no_memory = false;
	lines = gps = uds = flushes = commits = efer_writes = 0;
	cr_log_start();
	cr_init();
	cr_reset(v, CR0_PE | CR0_ET, 0);
	return 0;
}

static enum exit_answer mov_to(u8 cr, u8 gpr, u64 value)
{
	struct exit x = {.kind = EXIT_CR,
			 .length = 3,
			 .rip = 0x6a29be,
			 .cr = {.cr = cr, .access = CR_MOV_TO, .gpr = gpr}};

	if (gpr == GPR_RSP)
		reg[REG_RSP] = value;
	else
		v->gpr[gpr] = value;
	return exit_cr(v, &x);
}

static void test_minimum(void **state)
{
	(void)state;
	assert_int_equal(reg[REG_CR0_OWNED], CR0_NE);
	assert_int_equal(reg[REG_CR4_OWNED] & CR4_VMXE, CR4_VMXE);
	assert_int_equal(reg[REG_CR4_OWNED] & (CR4_PSE | CR4_PAE | CR4_PGE), 0);
	assert_int_equal(reg[REG_CR4], CR4_VMXE);
	assert_int_equal(guest_cr(v, CRM_CR4), 0);
	assert_int_equal(reg[REG_CR0], CR0_PE | CR0_ET | CR0_NE);
	assert_int_equal(guest_cr(v, CRM_CR0), CR0_PE | CR0_ET);
}

static void test_own(void **state)
{
	(void)state;
	machine.opt.cr_own[CRM_CR4][0].forced_only = true;
	cr_reset(v, CR0_PE | CR0_ET, CR4_PSE);
	assert_int_equal(reg[REG_CR4_OWNED], CR4_VMXE);
	cr_own(v, CRM_CR4, CR4_PSE);
	assert_int_equal(reg[REG_CR4_OWNED] & (CR4_PSE | CR4_VMXE), CR4_PSE | CR4_VMXE);
	assert_int_equal(guest_cr(v, CRM_CR4), CR4_PSE);
	cr_own(v, CRM_CR0, ~0ULL);
	assert_int_equal(reg[REG_CR0_OWNED], ~0ULL);
	assert_int_equal(guest_cr(v, CRM_CR0), CR0_PE | CR0_ET);
	cr_reset(v, CR0_RESET, 0); /* an INIT keeps what is owned */
	assert_int_equal(reg[REG_CR0_OWNED], ~0ULL);
	assert_int_equal(guest_cr(v, CRM_CR0), CR0_RESET);
}

/* The exit of the scenario that must not be: the guest writes 30h over 20h, VMXE owned. */
static void test_unexpected(void **state)
{
	u64 before = cr_unexpected();

	(void)state;
	cr_own(v, CRM_CR4, 0);
	reg[REG_CR4] = CR4_VMXE | CR4_PAE;
	assert_int_equal(mov_to(4, GPR_RDX, 0x30), EXIT_ADVANCE);
	assert_int_equal(cr_unexpected(), before + 1);
	assert_int_equal(lines, 1);
	assert_non_null(
		strstr(said, "unexpected exit, cpu 0 0000:6a29be MOV CR4 20 -> 30 hw 2020"));
	assert_int_equal(guest_cr(v, CRM_CR4), 0x30);
	assert_int_equal(reg[REG_CR4], 0x2030);
	assert_int_equal(mov_to(4, GPR_RDX, 0x2030),
			 EXIT_INJECTED); /* expected, and the guest's fault */
	assert_int_equal(cr_unexpected(), before + 1);
	assert_int_equal(lines, 1);
	assert_int_equal(gps, 1);
	assert_int_equal(guest_cr(v, CRM_CR4), 0x30);
	for (u32 i = 0; i < 100; i++) /* counted, but it cannot fill the log */
		mov_to(4, GPR_RDX, 0x30);
	assert_int_equal(cr_unexpected(), before + 101);
	assert_true(lines < 40);
}

static void test_log(void **state)
{
	(void)state;
	cr_own(v, CRM_CR4, ~0ULL);
	mov_to(4, GPR_RAX, CR4_PSE);
	assert_int_equal(lines, 0);
	cr_log_all(true);
	mov_to(4, GPR_RAX, CR4_PAE);
	assert_int_equal(lines, 1);
	assert_string_equal(said,
			    "cpu 0 0000:6a29be MOV CR4 10 -> 20 hw 2010 owned ffffffffffffffff "
			    "shadow 10: accepted");
	mov_to(4, GPR_RAX, CR4_VMXE);
	assert_non_null(strstr(said, "MOV CR4 20 -> 2000 hw 2020"));
	assert_non_null(strstr(said, ": #GP"));
}

/* Register 4 is RSP; outside 64-bit mode 32 bits of a register count. */
static void test_operand(void **state)
{
	(void)state;
	cr_own(v, CRM_CR0, ~0ULL);
	for (u8 gpr = 0; gpr < 16; gpr++) {
		u64 value = CR0_PE | CR0_ET | (gpr & 1 ? CR0_TS : CR0_MP);

		memset(v->gpr, 0xff, sizeof(v->gpr));
		reg[REG_RSP] = ~0ULL;
		assert_int_equal(mov_to(0, gpr, 0xabcdef01ULL << 32 | value), EXIT_ADVANCE);
		assert_int_equal(guest_cr(v, CRM_CR0), value);
	}
	reg[REG_EFER] = EFER_LME | EFER_LMA;
	reg[REG_SEG(SEG_CS, SEG_AR)] = SEG_AR_L;
	assert_int_equal(mov_to(0, GPR_R15, BIT(32) | CR0_PE | CR0_ET), EXIT_INJECTED);
}

/* With PAE paging the PDPTEs come before anything changes; a bad one is #GP. */
static void test_pdptes(void **state)
{
	const u64 on = CR0_PG | CR0_PE | CR0_ET;

	(void)state;
	cr_own(v, CRM_CR0, CR0_PG);
	cr_own(v, CRM_CR4, ~0ULL);
	mov_to(4, GPR_RAX, CR4_PAE);
	reg[REG_CR3] = 0x12345678;
	pdptes[2] = 1 | BIT(63);
	assert_int_equal(mov_to(0, GPR_RAX, on), EXIT_INJECTED);
	assert_int_equal(guest_cr(v, CRM_CR0), CR0_PE | CR0_ET);
	pdptes[2] = 0x3001;
	no_memory = true;
	assert_int_equal(mov_to(0, GPR_RAX, on), EXIT_INJECTED);
	no_memory = false;
	commits = 0;
	assert_int_equal(mov_to(0, GPR_RAX, on), EXIT_ADVANCE);
	assert_int_equal(commits, 1);
	assert_int_equal(reg[REG_PDPTE0 + 2], 0x3001);
}

static void test_cr3(void **state)
{
	struct exit read = {.kind = EXIT_CR,
			    .cr = {.cr = 3, .access = CR_MOV_FROM, .gpr = GPR_RBX}};

	(void)state;
	commits = 0;
	assert_int_equal(mov_to(3, GPR_RAX, 0x1000), EXIT_ADVANCE);
	assert_int_equal(reg[REG_CR3], 0x1000);
	assert_int_equal(flushes, 1);
	assert_int_equal(commits, 0);
	assert_int_equal(exit_cr(v, &read), EXIT_ADVANCE);
	assert_int_equal(v->gpr[GPR_RBX], 0x1000);
	read.cr.gpr = GPR_RSP;
	exit_cr(v, &read);
	assert_int_equal(reg[REG_RSP], 0x1000);
	read.cr.cr = 5;
	assert_int_equal(exit_cr(v, &read), EXIT_INJECTED);
	assert_int_equal(uds, 1);
}

static void test_clts_lmsw(void **state)
{
	struct exit x = {.kind = EXIT_CR, .cr = {.access = CR_CLTS}};

	(void)state;
	cr_own(v, CRM_CR0, ~0ULL);
	mov_to(0, GPR_RAX, CR0_PE | CR0_ET | CR0_TS | CR0_AM);
	assert_int_equal(exit_cr(v, &x), EXIT_ADVANCE);
	assert_int_equal(guest_cr(v, CRM_CR0), CR0_PE | CR0_ET | CR0_AM);
	x.cr = (struct exit_cr){.access = CR_LMSW, .lmsw = 0xfffe};
	assert_int_equal(exit_cr(v, &x), EXIT_ADVANCE);
	assert_int_equal(guest_cr(v, CRM_CR0), CR0_PE | CR0_ET | CR0_AM | CR0_MP | CR0_EM | CR0_TS);
}

/* The TLB goes when it must, once, and when the new value is there. No emulator shows that: they
 * forget translations at every entry. */
static void test_flush(void **state)
{
	const u64 paged = CR0_PG | CR0_PE | CR0_ET;

	(void)state;
	cr_own(v, CRM_CR0, ~0ULL);
	cr_own(v, CRM_CR4, ~0ULL);
	mov_to(0, GPR_RAX, CR0_PE | CR0_ET | CR0_TS);
	mov_to(4, GPR_RAX, CR4_TSD);
	assert_int_equal(flushes, 0);
	mov_to(0, GPR_RAX, paged);
	assert_int_equal(flushes, 1);
	assert_int_equal(reg_then[REG_CR0], paged | CR0_NE);
	assert_int_equal(reg_then[REG_CR0_SHADOW], paged);
	mov_to(4, GPR_RAX, CR4_PGE);
	assert_int_equal(flushes, 2);
	assert_int_equal(reg_then[REG_CR4], CR4_PGE | CR4_VMXE);
	assert_int_equal(reg_then[REG_CR4_SHADOW], CR4_PGE);
	mov_to(4, GPR_RAX, CR4_PGE | CR4_PSE); /* the current PCID's, or all */
	assert_int_equal(flushes, 3);
	mov_to(4, GPR_RAX, CR4_PGE | CR4_PSE | CR4_VMXE); /* #GP: nothing changes */
	assert_int_equal(flushes, 3);
}

static void test_lma(void **state)
{
	const u64 unpaged = CR0_PE | CR0_ET;

	(void)state;
	cr_own(v, CRM_CR0, ~0ULL);
	reg[REG_CR4] = reg[REG_CR4_SHADOW] = CR4_PAE;
	reg[REG_EFER] = EFER_LME | EFER_SCE;
	mov_to(0, GPR_RAX, unpaged | CR0_TS);
	assert_int_equal(efer_writes, 0);
	mov_to(0, GPR_RAX, unpaged | CR0_PG);
	assert_int_equal(reg[REG_EFER], EFER_LME | EFER_SCE | EFER_LMA);
	assert_int_equal(reg_then[REG_EFER], EFER_LME | EFER_SCE | EFER_LMA);
	mov_to(0, GPR_RAX, unpaged);
	assert_int_equal(reg[REG_EFER], EFER_LME | EFER_SCE);
	assert_int_equal(efer_writes, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_minimum, setup),
		cmocka_unit_test_setup(test_own, setup),
		cmocka_unit_test_setup(test_unexpected, setup),
		cmocka_unit_test_setup(test_log, setup),
		cmocka_unit_test_setup(test_operand, setup),
		cmocka_unit_test_setup(test_pdptes, setup),
		cmocka_unit_test_setup(test_cr3, setup),
		cmocka_unit_test_setup(test_clts_lmsw, setup),
		cmocka_unit_test_setup(test_flush, setup),
		cmocka_unit_test_setup(test_lma, setup),
	};

	return RUN(tests);
}
