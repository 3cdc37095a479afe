/* SPDX-License-Identifier: MIT */
/* The hypapp wx on a guest that consists of page tables: what it learns, and what it makes of
 * exits.
 */
#include "unit.h"
#include "hypapp/wx.c"

#include "lib/string.h"

#define PAGES 4096u
#define P     1ULL
#define W     2ULL
#define U     4ULL
#define PS    0x80ULL
#define NX    (1ULL << 63)

static u64 memory[PAGES][512]; /* its tables are pages 0 to 15 */
static u8 state_of[PAGES];
static u64 reg[REG_COUNT];
static u32 injected, applied, flushes, stopped;
static bool is_refusing;

const struct backend *backend;
u32 cpu_count = 1;
_Atomic u32 hypapp_kinds;

static u64 state_get(struct vcpu *v, enum cpu_reg r)
{
	(void)v;
	return reg[r];
}

enum exit_answer inject_gp(struct vcpu *v)
{
	(void)v;
	injected++;
	return EXIT_INJECTED;
}

static void tlb_flush(struct vcpu *v, bool second_level)
{
	(void)v;
	flushes += second_level;
}

bool gmem_read_phys(u64 gpa, void *out, size_t n)
{
	if (gpa + n > sizeof(memory))
		return false;
	memcpy(out, (const u8 *)memory + gpa, n);
	return true;
}

enum page_state slat_map_get(u64 gpa)
{
	return gpa < PAGES * PAGE_SIZE ? state_of[gpa / PAGE_SIZE] : PAGE_OPEN;
}

void slat_map_set(u64 gpa, enum page_state s)
{
	assert_int_equal(stopped, 1);
	state_of[gpa / PAGE_SIZE] = (u8)s;
}

void slat_map_fill(enum page_state s)
{
	assert_int_equal(stopped, 1);
	memset(state_of, (int)s, sizeof(state_of));
}

bool slat_map_apply(struct vcpu *v)
{
	(void)v;
	applied++;
	return true;
}

bool slat_map_give(struct vcpu *v, u64 gpa)
{
	(void)v;
	state_of[gpa / PAGE_SIZE] = PAGE_GIVEN;
	return true;
}

u64 slat_map_needs(void)
{
	return 1;
}

bool slat_map_init(void)
{
	return true;
}

void world_stop(struct vcpu *v)
{
	(void)v;
	stopped++;
}

void world_go(struct vcpu *v)
{
	(void)v;
	stopped--;
}

void hypapp_want(u32 kinds)
{
	assert_int_equal(kinds, BIT(EXIT_SLAT));
}

void timer_set(struct vcpu *v, u64 at)
{
	(void)v;
	(void)at;
}

void trace_event(struct vcpu *v, u8 hypapp, u64 event, u64 a, u64 b, u64 c)
{
	(void)v, (void)event, (void)a, (void)b, (void)c;
	assert_int_equal(hypapp, TRACE_WX);
}

bool hypapp_option_is(const char *name, const char *word)
{
	(void)name, (void)word;
	return is_refusing;
}

bool hypapp_option_number(const char *name, u64 *out)
{
	(void)name, (void)out;
	return false;
}

static struct vcpu vcpu;

/*
 * Its kernel's half: pages 512 to 1023 by a large leaf, code; 1024 and 1025 by small ones, code and
 * data; 1026 a program's; 2048 to 2559 data by NX further up. Below, a program's 3072.
 */
static void start_guest(bool refusing)
{
	static struct backend b = {.state_get = state_get, .tlb_flush = tlb_flush};

	backend = &b;
	memset(memory, 0, sizeof(memory));
	memset(state_of, 0, sizeof(state_of));
	memset(reg, 0, sizeof(reg));
	injected = applied = flushes = stopped = 0;
	learnt = code_pages = given = writes = executions = 0;
	is_refusing = refusing;
	memory[0][511] = 0x1000 | P | W | U; /* CR3's */
	memory[0][510] = 0x1000 | P | W | U | NX;
	memory[0][0] = 0x4000 | P | W | U;
	memory[1][0] = 0x2000 | P | W | U;
	memory[2][1] = MiB(2) | P | W | PS;
	memory[2][2] = 0x3000 | P | W | U;
	memory[2][3] = MiB(8) | P | W | PS | NX;
	memory[2][4] = 0x500000000 | P | W; /* a table in no memory */
	memory[3][0] = 1024 * PAGE_SIZE | P;
	memory[3][1] = 1025 * PAGE_SIZE | P | W | NX;
	memory[3][2] = 1026 * PAGE_SIZE | P | W | U;
	memory[3][3] = 1027 * PAGE_SIZE; /* not present */
	memory[4][0] = 0x5000 | P | W | U;
	memory[5][0] = 0x6000 | P | W | U;
	memory[6][0] = 3072 * PAGE_SIZE | P;
	reg[REG_EFER] = EFER_LMA | EFER_NXE;
	assert_true(wx_init(1) == OK);
}

static u32 call(u32 ecx)
{
	vcpu = (struct vcpu){.gpr = {[GPR_RCX] = ecx}};
	assert_int_equal(wx_hypercall(&vcpu, HC_WX), EXIT_ADVANCE);
	return (u32)vcpu.gpr[GPR_RAX];
}

static enum exit_answer access_page(u64 page, u32 access, u32 at_cpl)
{
	struct exit x = {.kind = EXIT_SLAT,
			 .slat = {.gpa = GPA(page * PAGE_SIZE + 8), .access = access}};

	reg[REG_SEG(SEG_SS, SEG_AR)] = (u64)at_cpl << 5;
	return wx_on_exit(&vcpu, &x);
}

static void test_learn(void **state)
{
	(void)state;
	start_guest(true);
	assert_int_equal(access_page(512, SLAT_WRITE, 0), EXIT_PASS);
	assert_int_equal(call(0), 0);
	assert_int_equal(applied, 0);
	assert_int_equal(call(1), 0);
	assert_int_equal(applied, 1);
	assert_int_equal(vcpu.gpr[GPR_RBX], 513);
	for (u32 i = 0; i < PAGES; i++)
		assert_int_equal(state_of[i], i >> 9 == 1 || i == 1024 ? PAGE_CODE : PAGE_DATA);
	assert_int_equal(call(1), 0); /* once */
	assert_int_equal(applied, 1);
	assert_int_equal(stopped, 0);
}

static void test_learns_nothing(void **state)
{
	(void)state;
	start_guest(true);
	reg[REG_EFER] = EFER_LMA;
	assert_int_equal(call(1), HC_ERANGE);
	reg[REG_EFER] = EFER_LMA | EFER_NXE;
	memory[2][1] |= NX; /* too little code to be a kernel's tables */
	assert_int_equal(call(1), HC_ERANGE);
	memory[2][1] &= ~NX;
	memory[2][4] = 0x2000 | P | W; /* tables upon tables: as deep as levels go, and no deeper */
	for (u32 i = 5; i < 512; i++) {
		memory[1][i] = 0x1000 | P | W;
		memory[0][i] = 0x1000 | P | W;
		memory[2][i] = 0x1000 | P | W;
	}
	assert_int_equal(call(1), HC_ERANGE);
	assert_int_equal(applied, 0);
	assert_int_equal(stopped, 0);
	for (u32 i = 0; i < PAGES; i++)
		assert_int_equal(state_of[i], PAGE_OPEN);
}

static void test_refuse(void **state)
{
	(void)state;
	start_guest(true);
	call(1);
	for (u32 i = 1; i <= 3; i++) { /* again and again */
		assert_int_equal(access_page(1024, SLAT_WRITE | SLAT_READ, 0), EXIT_INJECTED);
		assert_int_equal(access_page(1025, SLAT_EXEC, 0), EXIT_INJECTED);
		assert_int_equal(injected, 2 * i);
	}
	call(0);
	assert_int_equal(vcpu.gpr[GPR_RCX], 3);
	assert_int_equal(vcpu.gpr[GPR_RDX], 3);
	assert_int_equal(access_page(1024, SLAT_EXEC, 0), EXIT_PASS); /* others' */
	assert_int_equal(access_page(1025, SLAT_WRITE, 0), EXIT_PASS);
	assert_int_equal(access_page(PAGES, SLAT_WRITE, 0), EXIT_PASS);
}

static void test_programs(void **state)
{
	(void)state;
	start_guest(true);
	call(1);
	assert_int_equal(access_page(3072, SLAT_EXEC, 3), EXIT_RETRY);
	assert_int_equal(state_of[3072], PAGE_GIVEN);
	assert_int_equal(access_page(3072, SLAT_EXEC, 3), EXIT_PASS); /* on another CPU */
	assert_int_equal(flushes, 1);
	assert_int_equal(access_page(1024, SLAT_WRITE, 3), EXIT_INJECTED);
	assert_int_equal(executions, 0);
	assert_int_equal(given, 1);
}

static void test_log(void **state)
{
	(void)state;
	start_guest(false);
	call(1);
	assert_int_equal(access_page(1024, SLAT_WRITE, 0), EXIT_RETRY);
	assert_int_equal(access_page(1025, SLAT_EXEC, 0), EXIT_RETRY);
	assert_int_equal(state_of[1024], PAGE_GIVEN);
	assert_int_equal(state_of[1025], PAGE_GIVEN);
	assert_int_equal(access_page(1024, SLAT_WRITE, 0), EXIT_PASS);
	assert_int_equal(writes, 1);
	assert_int_equal(executions, 1);
	assert_int_equal(injected, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learn),  cmocka_unit_test(test_learns_nothing),
		cmocka_unit_test(test_refuse), cmocka_unit_test(test_programs),
		cmocka_unit_test(test_log),
	};

	return RUN(tests);
}
