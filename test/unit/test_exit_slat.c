/* SPDX-License-Identifier: MIT */
/* The handler of memory exits: our memory, the page below 1 MiB, and every way to store to the
 * local APIC. */
#include "unit.h"
#include "core/apic.h"
#include "core/core.h"
#include "core/exit_handlers.h"
#include "hv/gmem.h"
#include "core/page.h"
#include "core/panic.h"
#include "core/sipi.h"
#include "core/slat.h"

#define HV_BASE	  0x3f000000ULL
#define LOW_PAGE  0x9f000ULL
#define APIC_PAGE 0xfee00000ULL

#include "core/trace.h"
struct machine machine;
const struct backend *backend;

static struct pcpu pcpu;
static struct vcpu *const v = &pcpu.vcpu;
static u64 regs[REG_COUNT];

/* What the handlers did. */
static struct {
	u32 gps, advanced, gave_up, mails, panics, missing;
	u32 apic_reg, apic_value, apic_writes;
} did;

static bool trapping, in_long_mode;
/* What the page reads that was written to, this CPU's local APIC or what it has in its place */
static u32 page[PAGE_SIZE / 4];
static bool apic_elsewhere;
static u8 code[16];
static jmp_buf panicked;

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

bool sipi_trapping(void)
{
	return trapping;
}

void sipi_give_up_trap(void)
{
	did.gave_up++;
}

bool slat_is_write_protected(u64 gpa)
{
	return align_down(gpa, PAGE_SIZE) == LOW_PAGE;
}

bool sipi_owns_page(u64 gpa)
{
	return align_down(gpa, PAGE_SIZE) == APIC_PAGE;
}

bool sipi_check_mail(struct vcpu *cpu)
{
	(void)cpu;
	did.mails++;
	return false;
}

void sipi_write_xapic(struct vcpu *cpu, u32 reg, u32 value)
{
	(void)cpu;
	did.apic_writes++;
	did.apic_reg = reg;
	did.apic_value = value;
}

bool apic_is_x2(void)
{
	return false;
}

u64 apic_base(void)
{
	return apic_elsewhere ? APIC_PAGE + MiB(1) : APIC_PAGE;
}

void *phys_ptr(u64 pa)
{
	return &page[pa % PAGE_SIZE / 4];
}

bool slat_decoy(u64 gpa)
{
	return is_ours(gpa, 1);
}

bool slat_map_missing(u64 gpa)
{
	did.missing++;
	return gpa < BIT(40);
}

u32 gmem_insn(struct vcpu *cpu, u64 rip, struct insn *i)
{
	int length = insn_decode(code, INSN_MAX_BYTES, in_long_mode ? INSN_64 : INSN_32, i);

	(void)cpu;
	assert_int_equal(rip, 0x1000);
	return length > 0 ? (u32)length : 0;
}

void panic(const char *f, ...)
{
	(void)f;
	did.panics++;
	longjmp(panicked, 1);
}

static u64 state_get(struct vcpu *cpu, enum cpu_reg r)
{
	(void)cpu;
	return regs[r];
}

static void state_set(struct vcpu *cpu, enum cpu_reg r, u64 value)
{
	(void)cpu;
	regs[r] = value;
}

static void advance(struct vcpu *cpu, const struct exit *x)
{
	(void)cpu;
	did.advanced += x->length;
}

static const struct backend fake_backend = {
	.state_get = state_get,
	.state_set = state_set,
	.advance = advance,
};

static void restart(void)
{
	memset(&did, 0, sizeof(did));
	memset(&machine, 0, sizeof(machine));
	memset(&pcpu, 0, sizeof(pcpu));
	memset(regs, 0, sizeof(regs));
	memset(code, 0x90, sizeof(code));
	backend = &fake_backend;
	machine.hv_base = HV_BASE;
	machine.hv_size = MiB(2);
	machine.low_base = LOW_PAGE;
	machine.low_size = PAGE_SIZE;
	trapping = true;
	in_long_mode = false;
}

static enum exit_answer touch(u64 gpa, u32 access)
{
	struct exit x = {.kind = EXIT_SLAT, .rip = 0x1000, .slat = {GPA(gpa), access, false}};

	return exit_slat(v, &x);
}

static void test_memory(void **state)
{
	struct exit broken = {.kind = EXIT_SLAT, .slat = {GPA(0), SLAT_READ, true}};

	(void)state;
	restart();
	assert_int_equal(touch(HV_BASE + 5, SLAT_READ), EXIT_RETRY);
	assert_int_equal(machine.protected, 1);
	assert_int_equal(did.missing, 0);
	assert_int_equal(touch(GiB(8), SLAT_WRITE), EXIT_RETRY);
	assert_int_equal(did.missing, 1);
	assert_int_equal(touch(BIT(45), SLAT_WRITE), EXIT_INJECTED);
	assert_int_equal(machine.protected, 1);
	if (!setjmp(panicked))
		exit_slat(v, &broken);
	assert_int_equal(did.panics, 1);
}

/* A write to our page below 1 MiB is stepped over; a repeated one is a fault. */
static void test_low_page(void **state)
{
	(void)state;
	restart();
	memcpy(code, "\xc7\x00\x01\x00\x00\x00", 6); /* movl $1, (%eax) */
	assert_int_equal(touch(LOW_PAGE + 0x10, SLAT_WRITE), EXIT_RETRY);
	assert_int_equal(did.advanced, 6);
	assert_int_equal(machine.protected, 1);
	memcpy(code, "\xf3\xab", 2); /* rep stosl */
	assert_int_equal(touch(LOW_PAGE + 0x10, SLAT_WRITE), EXIT_INJECTED);
	assert_int_equal(did.advanced, 6);
}

struct store {
	const char *code;
	u8 length;
	bool in_long_mode;
	u32 stored; /* with RAX = 11223344h, RCX = aabbccddh and 0f0f0f0fh in the register */
};

#define OLD 0x0f0f0f0fu

static const struct store stores[] = {
	{"\xc7\x05\x00\x03\xe0\xfe\x00\x45\x00\x00", 10, false, 0x4500}, /* movl $4500h, mem */
	{"\xc7\x04\x25\x00\x03\xe0\xfe\x00\x45\x0c\x80", 11, true, 0x800c4500},
	{"\xa3\x00\x03\xe0\xfe", 5, false, 0x11223344},	     /* mov %eax, mem */
	{"\x89\x0a", 2, false, 0xaabbccdd},		     /* mov %ecx, (%edx) */
	{"\x44\x89\x02", 3, true, 0x55667788},		     /* mov %r8d, (%rdx) */
	{"\x87\x0a", 2, false, 0xaabbccdd},		     /* xchg %ecx, (%edx) */
	{"\x09\x0a", 2, false, 0xaabbccdd | OLD},	     /* or */
	{"\x21\x0a", 2, false, 0xaabbccdd & OLD},	     /* and */
	{"\x31\x0a", 2, false, 0xaabbccdd ^ OLD},	     /* xor */
	{"\x81\x0a\x00\x01\x00\x00", 6, false, OLD | 0x100}, /* orl $100h, (%edx) */
	{"\x83\x22\xf0", 3, false, OLD & 0xfffffff0},	     /* andl $-16, (%edx) */
};

static void prepare_store(const struct store *s)
{
	restart();
	memcpy(code, s->code, s->length);
	in_long_mode = s->in_long_mode;
	page[0x300 / 4] = OLD;
	v->gpr[GPR_RAX] = 0x11223344;
	v->gpr[GPR_RCX] = 0xaabbccdd;
	v->gpr[GPR_R8] = 0x55667788;
}

static void test_apic_stores(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
		prepare_store(&stores[i]);
		assert_int_equal(touch(APIC_PAGE + 0x300, SLAT_WRITE), EXIT_RETRY);
		assert_int_equal(did.apic_writes, 1);
		assert_int_equal(did.apic_reg, 0x300);
		assert_int_equal(did.apic_value, stores[i].stored);
		assert_int_equal(did.advanced, stores[i].length);
		assert_int_equal(did.mails, 1);
		assert_int_equal(did.gave_up, 0);
		assert_int_equal(v->gpr[GPR_RCX], (u8)stores[i].code[0] == 0x87 ? OLD : 0xaabbccdd);
	}
}

/* Where another CPU has its APIC this one stores to what it has there itself. */
static void test_apic_of_another(void **state)
{
	(void)state;
	apic_elsewhere = true;
	for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
		prepare_store(&stores[i]);
		assert_int_equal(touch(APIC_PAGE + 0x300, SLAT_WRITE), EXIT_RETRY);
		assert_int_equal(did.apic_writes, 0);
		assert_int_equal(page[0x300 / 4], stores[i].stored);
		assert_int_equal(did.advanced, stores[i].length);
		assert_int_equal(did.gave_up, 0);
	}
	apic_elsewhere = false;
}

/* The flags of what AND, OR and XOR leave (Intel SDM vol. 1, 3.4.3.1): SF, ZF, PF; CF = OF = 0. */
static void test_apic_flags(void **state)
{
	static const struct {
		u32 old, source;
		u64 flags;
	} cases[] = {
		{0, 0, 0x44},	       {0, 1, 0},     {0, 3, 4}, {0, 0x80000000, 0x84},
		{0x80000000, 1, 0x80}, {0, 0x100, 4},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		prepare_store(&stores[6]);
		page[0x300 / 4] = cases[i].old;
		v->gpr[GPR_RCX] = cases[i].source;
		regs[REG_RFLAGS] = 0xa03; /* CF, IF, OF */
		touch(APIC_PAGE + 0x300, SLAT_WRITE);
		assert_int_equal(regs[REG_RFLAGS] & ~0x10ULL, 0x202 | cases[i].flags);
	}
}

/* Where no system writes to a local APIC like this, the trap gives way, and nothing is done. */
static void test_apic_odd(void **state)
{
	static const struct {
		const char *code;
		u32 reg;
	} odd[] = {
		{"\xc6\x02\x01", 0x300},     /* one byte */
		{"\x66\x89\x0a", 0x300},     /* two */
		{"\x89\x0a", 0x304},	     /* not at a register */
		{"\xf3\xab", 0x300},	     /* repeated */
		{"\xff\x02", 0x300},	     /* inc */
		{"\x0f\x11\x02", 0x300},     /* movups */
		{"\x0f\xff\xff\xff", 0x300}, /* no instruction */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		restart();
		memcpy(code, odd[i].code, strlen(odd[i].code));
		assert_int_equal(touch(APIC_PAGE + odd[i].reg, SLAT_WRITE), EXIT_RETRY);
		assert_int_equal(did.gave_up, 1);
		assert_int_equal(did.apic_writes + did.advanced, 0);
	}
	prepare_store(&stores[0]); /* another CPU has lifted the trap in this moment */
	trapping = false;
	assert_int_equal(touch(APIC_PAGE + 0x300, SLAT_WRITE), EXIT_RETRY);
	assert_int_equal(did.gave_up + did.apic_writes + did.advanced, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),	    cmocka_unit_test(test_low_page),
		cmocka_unit_test(test_apic_stores), cmocka_unit_test(test_apic_flags),
		cmocka_unit_test(test_apic_odd),    cmocka_unit_test(test_apic_of_another),
	};

	return RUN(tests);
}
