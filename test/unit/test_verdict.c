/* SPDX-License-Identifier: MIT */
/* What the code before a write tells of it, and the judgement of Lamina's own exits. */
#include "unit.h"
#include "verdict/verdict.h"
#include "x86/cr.h"

struct code {
	const char *what;
	enum insn_mode mode;
	u8 bytes[24];
	size_t n;
	u8 gpr;
	bool known;
	u64 sets, clears;
};

/* The write itself is not in it. */
static const struct code codes[] = {
	{"mov eax,cr4; or al,10h", INSN_32, {0x0f, 0x20, 0xe0, 0x0c, 0x10}, 5, 0, true, 0x10, 0},
	{"mov eax,cr4; or eax,10h",
	 INSN_32,
	 {0x0f, 0x20, 0xe0, 0x83, 0xc8, 0x10},
	 6,
	 0,
	 true,
	 0x10,
	 0},
	{"the same, 16 bit", INSN_16, {0x0f, 0x20, 0xe0, 0x83, 0xc8, 0x10}, 6, 0, true, 0x10, 0},
	{"mov rdx,cr4; bts rdx,13",
	 INSN_64,
	 {0x0f, 0x20, 0xe2, 0x48, 0x0f, 0xba, 0xea, 0x0d},
	 8,
	 2,
	 true,
	 0x2000,
	 0},
	{"mov r8,cr4; btr r8,4",
	 INSN_64,
	 {0x41, 0x0f, 0x20, 0xe0, 0x49, 0x0f, 0xba, 0xf0, 0x04},
	 9,
	 8,
	 true,
	 0,
	 0x10},
	{"mov eax,cr4; and eax,~90h",
	 INSN_32,
	 {0x0f, 0x20, 0xe0, 0x25, 0x6f, 0xff, 0xff, 0xff},
	 8,
	 0,
	 true,
	 0,
	 0x90},
	{"mov eax,cr4; xor eax,80h",
	 INSN_32,
	 {0x0f, 0x20, 0xe0, 0x35, 0x80, 0, 0, 0},
	 8,
	 0,
	 true,
	 0x80,
	 0x80},
	{"mov eax,cr4; mov ebx,eax", INSN_32, {0x0f, 0x20, 0xe0, 0x89, 0xc3}, 5, 0, true, 0, 0},
	{"mov eax,cr4; nop; test eax,eax",
	 INSN_32,
	 {0x0f, 0x20, 0xe0, 0x90, 0x85, 0xc0},
	 6,
	 0,
	 true,
	 0,
	 0},
	{"mov eax,cr4 alone", INSN_32, {0x0f, 0x20, 0xe0}, 3, 0, true, 0, 0},
	{"two reads: the nearer one",
	 INSN_32,
	 {0x0f, 0x20, 0xe0, 0x0c, 0x80, 0x0f, 0x20, 0xe0},
	 8,
	 0,
	 true,
	 0,
	 0},
	{"another register is written", INSN_32, {0x0f, 0x20, 0xe0, 0x0c, 0x10}, 5, 3, false, 0, 0},
	{"CR0 is read", INSN_32, {0x0f, 0x20, 0xc0, 0x0c, 0x10}, 5, 0, false, 0, 0},
	{"mov eax,cr4; mov eax,ebx", INSN_32, {0x0f, 0x20, 0xe0, 0x89, 0xd8}, 5, 0, false, 0, 0},
	{"mov eax,cr4; or eax,ebx", INSN_32, {0x0f, 0x20, 0xe0, 0x09, 0xd8}, 5, 0, false, 0, 0},
	{"mov eax,cr4; pop eax", INSN_32, {0x0f, 0x20, 0xe0, 0x58}, 4, 0, false, 0, 0},
	{"mov eax,cr4; call", INSN_32, {0x0f, 0x20, 0xe0, 0xe8, 0, 0, 0, 0}, 8, 0, false, 0, 0},
	{"mov eax,cr4; jmp $+2", INSN_32, {0x0f, 0x20, 0xe0, 0xeb, 0}, 5, 0, false, 0, 0},
	{"mov eax,cr4; cpuid", INSN_32, {0x0f, 0x20, 0xe0, 0x0f, 0xa2}, 5, 0, false, 0, 0},
	{"mov esi,cr4; cpuid", INSN_32, {0x0f, 0x20, 0xe6, 0x0f, 0xa2}, 5, 6, true, 0, 0},
	{"mov eax,cr4; lodsd", INSN_32, {0x0f, 0x20, 0xe0, 0xad}, 4, 0, false, 0, 0},
	{"mov eax,cr4; xchg eax,ebx", INSN_32, {0x0f, 0x20, 0xe0, 0x87, 0xd8}, 5, 0, false, 0, 0},
	{"mov eax,cr4; rdmsr", INSN_32, {0x0f, 0x20, 0xe0, 0x0f, 0x32}, 5, 0, false, 0, 0},
	{"mov eax,cr4; or ah,20h",
	 INSN_32,
	 {0x0f, 0x20, 0xe0, 0x80, 0xcc, 0x20},
	 6,
	 0,
	 false,
	 0,
	 0},
	{"nothing", INSN_32, {0}, 0, 0, false, 0, 0},
};

static void test_code(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		const struct code *c = &codes[i];

		/* whatever stands before it */
		for (u32 before = 0; before < 256; before++) {
			u8 bytes[25] = {(u8)before};
			struct access a = {.cr = CRM_CR4};

			memcpy(bytes + 1, c->bytes, c->n);
			judge_code(&a, bytes, c->n + 1, c->mode, c->gpr);
			if (!!(a.has & HAS_CODE) != c->known || a.sets != c->sets ||
			    a.clears != c->clears)
				fail_msg("%s behind %02x: known %d sets %llx clears %llx", c->what,
					 before, !!(a.has & HAS_CODE), (unsigned long long)a.sets,
					 (unsigned long long)a.clears);
		}
	}
}

/* Of random bytes nothing but what they say: the value from any read by running them. */
static void test_random_code(void **state)
{
	(void)state;
	for (u32 n = 0; n < 200000; n++) {
		u8 bytes[CODE_BYTES];
		struct access a = {.cr = rnd() & 1 ? CRM_CR4 : CRM_CR0};

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (u8)rnd();
		judge_code(&a, bytes, rnd_below(sizeof(bytes) + 1), (enum insn_mode)rnd_below(3),
			   (u8)rnd_below(16));
		if (!(a.has & HAS_CODE))
			assert_int_equal(a.sets | a.clears, 0);
	}
}

static u64 few_bits(void)
{
	return rnd() & rnd() & rnd();
}

static struct access own_exit(void)
{
	return (struct access){.has = HAS_VALUE | HAS_HW | HAS_OWNED | HAS_SHADOW,
			       .op = CRM_MOV_TO,
			       .cr = rnd() & 1 ? CRM_CR4 : CRM_CR0,
			       .hw = few_bits() | CR4_VMXE,
			       .owned = few_bits(),
			       .shadow = few_bits() & ~crm_class(CRM_CR4, CRM_HIDDEN),
			       .value = few_bits(),
			       .from_lamina = true};
}

/* What is not odd is nobody's fault. */
static void test_odd(void **state)
{
	const struct machine_facts m = {0};
	u32 odd = 0;

	(void)state;
	for (u32 n = 0; n < 200000; n++) {
		struct access a = own_exit();
		struct judgement j;

		if (is_odd(&a)) {
			odd++;
			continue;
		}
		judge(&a, &m, &j);
		assert_int_equal(j.verdict, V_OK);
	}
	assert_true(odd > 1000 && odd < 199000);
}

static enum verdict verdict_of(struct access a, u64 leak)
{
	const struct machine_facts m = {.leaks = {leak, leak}};
	struct judgement j;

	judge(&a, &m, &j);
	return j.verdict;
}

/* The write of VMXE, and the forced NE that a guest may well set itself. */
static void test_hidden_and_forced(void **state)
{
	struct access vmxe = {.has = HAS_VALUE | HAS_HW | HAS_OWNED | HAS_SHADOW,
			      .op = CRM_MOV_TO,
			      .cr = CRM_CR4,
			      .hw = CR4_VMXE | CR4_PAE,
			      .owned = CR4_VMXE,
			      .shadow = CR4_PAE,
			      .value = CR4_VMXE | CR4_PAE | CR4_PSE,
			      .from_lamina = true};
	struct access ne = {.has = vmxe.has,
			    .op = CRM_MOV_TO,
			    .cr = CRM_CR0,
			    .hw = 0x31,
			    .owned = CR0_NE,
			    .shadow = 0x11,
			    .value = 0x33,
			    .from_lamina = true};

	(void)state;
	assert_int_equal(followed_bits(&vmxe), CR4_VMXE);
	assert_int_equal(followed_bits(&ne), CR0_NE);
	assert_int_equal(verdict_of(vmxe, 0), V_UNDECIDED);
	assert_int_equal(verdict_of(vmxe, CR4_VMXE), V_PLATFORM);
	assert_int_equal(verdict_of(ne, 0), V_OK);
	assert_int_equal(verdict_of(ne, CR0_NE), V_OK);
	vmxe.has |= HAS_CODE;
	ne.has |= HAS_CODE;
	assert_int_equal(verdict_of(vmxe, 0), V_PLATFORM);
	assert_int_equal(verdict_of(ne, 0), V_PLATFORM);
	vmxe.sets = CR4_VMXE;
	ne.sets = CR0_NE;
	assert_int_equal(verdict_of(vmxe, CR4_VMXE), V_GUEST);
	assert_int_equal(verdict_of(ne, CR0_NE), V_OK);
}

static void test_names(void **state)
{
	char buf[80], small[6];

	(void)state;
	assert_string_equal(bit_names(CRM_CR4, CR4_VMXE | CR4_PSE, buf, sizeof(buf)), "PSE+VMXE");
	assert_string_equal(bit_names(CRM_CR0, CR0_NE, buf, sizeof(buf)), "NE");
	assert_string_equal(bit_names(CRM_CR0, 0, buf, sizeof(buf)), "nothing");
	assert_string_equal(bit_names(CRM_CR0, BIT(40), buf, sizeof(buf)), "0x10000000000");
	assert_int_equal(strlen(bit_names(CRM_CR4, ~0ULL, small, sizeof(small))), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_code),  cmocka_unit_test(test_random_code),
		cmocka_unit_test(test_odd),   cmocka_unit_test(test_hidden_and_forced),
		cmocka_unit_test(test_names),
	};

	return RUN_SEEDED(tests);
}
