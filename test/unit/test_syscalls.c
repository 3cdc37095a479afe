/* SPDX-License-Identifier: MIT */
/* The hypapp syscalls on one CPU whose registers are an array: what SYSCALL and SYSRET do when they
 * are #UD exits (Intel SDM vol. 2B; AMD APM vol. 3), and what the guest sees of EFER. */
#include "unit.h"
#include "hypapp/syscalls.c"

#include "lib/string.h"

#define USER_CR3   0x5000ULL
#define KERNEL_CR3 0x4000ULL
#define OTHER_CR3  0x9000ULL
#define USER_RIP   0x401000ULL
#define ENTRY	   0xffffffff81c00080ULL

static u64 reg[REG_COUNT];
static u8 code[INSN_MAX_BYTES];
static u32 injected, logged, trapped, asked;
static enum insn_mode mode;
static struct vcpu vcpu;
static struct backend fake;

const struct backend *backend = &fake;
u32 cpu_count = 2;
_Atomic u32 hypapp_kinds;

static u64 state_get(struct vcpu *v, enum cpu_reg r)
{
	(void)v;
	return reg[r];
}

static void state_set(struct vcpu *v, enum cpu_reg r, u64 value)
{
	(void)v;
	reg[r] = value;
}

enum exit_answer inject_gp(struct vcpu *v)
{
	(void)v;
	injected++;
	return EXIT_INJECTED;
}

static void trap_events(struct vcpu *v, u32 exceptions, bool interrupts)
{
	assert_true(!exceptions && !interrupts);
	trapped = v->exceptions;
}

static void advance(struct vcpu *v, const struct exit *x)
{
	(void)v;
	reg[REG_RIP] += x->length;
	reg[REG_PENDING_DEBUG] = reg[REG_RFLAGS] & RFLAGS_TF;
}

enum insn_mode gmem_code_mode(struct vcpu *v)
{
	(void)v;
	return mode;
}

size_t gmem_fetch(struct vcpu *v, u64 rip, enum insn_mode m, u8 *out, size_t n)
{
	(void)v, (void)rip, (void)m;
	memcpy(out, code, n);
	return n;
}

u32 gmem_insn(struct vcpu *v, u64 rip, struct insn *i)
{
	(void)v, (void)rip;
	return insn_decode(code, sizeof(code), mode, i) ? i->length : 0;
}

/* Both roots of the process lead to one table below; the other process's to another. */
bool gmem_read_phys(u64 gpa, void *out, size_t n)
{
	u64 e = (gpa & PTE_ADDR) == OTHER_CR3 ? 0x8007 : 0x7007;

	assert_int_equal(n, 8);
	assert_int_equal(gpa & 0xfff, 0);
	memcpy(out, &e, n);
	return true;
}

bool world_call(struct vcpu *v, u32 cpu, void (*fn)(struct vcpu *v, void *arg), void *arg)
{
	asked |= BIT(cpu);
	if (cpu == 0)
		fn(v, arg);
	return true;
}

bool msr_watch(u32 msr, bool on)
{
	return msr == MSR_EFER && on;
}

void hypapp_want(u32 kinds)
{
	assert_int_equal(kinds, BIT(EXIT_EXCEPTION));
}

bool hypapp_option_number(const char *name, u64 *out)
{
	(void)name, (void)out;
	return false;
}

void trace_event(struct vcpu *v, u8 hypapp, u64 event, u64 a, u64 b, u64 c)
{
	(void)v;
	assert_int_equal(hypapp, TRACE_SYSCALLS);
	assert_true(event == 39 && a == 1 && b == 2 && c == 3);
	logged++;
}

static void call(u32 ecx, u64 cr3)
{
	reg[REG_CR3] = cr3;
	vcpu.gpr[GPR_RCX] = ecx;
	assert_int_equal(syscalls_hypercall(&vcpu, HC_SYSCALLS), EXIT_ADVANCE);
	assert_int_equal(vcpu.gpr[GPR_RAX], 0);
}

static void start(void)
{
	fake = (struct backend){.state_get = state_get,
				.state_set = state_set,
				.trap_events = trap_events,
				.advance = advance,
				.vendor = CRM_INTEL};
	memset(reg, 0, sizeof(reg));
	memset(&vcpu, 0, sizeof(vcpu));
	injected = logged = 0;
	calls = 0;
	hidden[0] = false;
	mode = INSN_64;
	assert_true(syscalls_init(1) == OK);
	reg[REG_EFER] = EFER_SCE | EFER_LMA | EFER_LME;
	reg[REG_STAR] = 0x0023001000000000;
	reg[REG_LSTAR] = ENTRY;
	reg[REG_FMASK] = 0x47700;
	call(1, KERNEL_CR3);
}

static enum exit_answer ud(const char *bytes, u64 rip, u64 cr3)
{
	const struct exit x = {
		.kind = EXIT_EXCEPTION, .rip = rip, .exception = {.vector = VECTOR_UD}};

	memset(code, 0x90, sizeof(code));
	memcpy(code, bytes, strlen(bytes));
	reg[REG_RIP] = rip;
	reg[REG_CR3] = cr3;
	vcpu.gpr[GPR_RAX] = 39;
	vcpu.gpr[GPR_RDI] = 1;
	vcpu.gpr[GPR_RSI] = 2;
	vcpu.gpr[GPR_RDX] = 3;
	return syscalls_on_exit(&vcpu, &x);
}

static void test_syscall(void **state)
{
	(void)state;
	start();
	reg[REG_RFLAGS] = 0x10346 | RFLAGS_OF;
	assert_int_equal(ud("\x0f\x05", USER_RIP, USER_CR3), EXIT_RETRY);
	assert_int_equal(reg[REG_RIP], ENTRY);
	assert_int_equal(vcpu.gpr[GPR_RCX], USER_RIP + 2);
	assert_int_equal(vcpu.gpr[GPR_R11], 0x346 | RFLAGS_OF);
	assert_int_equal(reg[REG_RFLAGS], 0x46 | RFLAGS_OF);
	assert_int_equal(reg[REG_PENDING_DEBUG], 0);
	assert_int_equal(reg[REG_SEG(SEG_CS, SEG_SEL)], 0x10);
	assert_int_equal(reg[REG_SEG(SEG_CS, SEG_AR)], 0xa09b);
	assert_int_equal(reg[REG_SEG(SEG_SS, SEG_SEL)], 0x18);
	assert_int_equal(reg[REG_SEG(SEG_SS, SEG_AR)], 0xc093);
	assert_int_equal(reg[REG_SEG(SEG_SS, SEG_LIMIT)], 0xffffffff);
	assert_int_equal(logged, 1);
}

static void test_sysret(void **state)
{
	(void)state;
	start();
	vcpu.gpr[GPR_RCX] = USER_RIP;
	vcpu.gpr[GPR_R11] = 0xffffffffffffffff;
	assert_int_equal(ud("\x48\x0f\x07", ENTRY, KERNEL_CR3), EXIT_RETRY);
	assert_int_equal(reg[REG_RIP], USER_RIP);
	assert_int_equal(reg[REG_RFLAGS], 0x3c7fd7);
	assert_int_equal(reg[REG_PENDING_DEBUG], RFLAGS_TF);
	assert_int_equal(reg[REG_SEG(SEG_CS, SEG_SEL)], 0x33);
	assert_int_equal(reg[REG_SEG(SEG_CS, SEG_AR)], 0xa0fb);
	assert_int_equal(reg[REG_SEG(SEG_SS, SEG_SEL)], 0x2b);
	assert_int_equal(reg[REG_SEG(SEG_SS, SEG_AR)], 0xc0f3);
	reg[REG_SEG(SEG_SS, SEG_AR)] = 0xc093;
	vcpu.gpr[GPR_RCX] = 0x1234567887654321;
	assert_int_equal(ud("\x0f\x07", ENTRY, KERNEL_CR3), EXIT_RETRY); /* to 32-bit code */
	assert_int_equal(reg[REG_RIP], 0x87654321);
	assert_int_equal(reg[REG_SEG(SEG_CS, SEG_SEL)], 0x23);
	assert_int_equal(reg[REG_SEG(SEG_CS, SEG_AR)], 0xc0fb);
	assert_int_equal(logged, 0);
	assert_int_equal(injected, 0);
	vcpu.gpr[GPR_RCX] = USER_RIP;
	assert_int_equal(ud("\x48\x0f\x07", USER_RIP, KERNEL_CR3), EXIT_INJECTED); /* CPL 3 */
	assert_int_equal(injected, 1);
	reg[REG_SEG(SEG_SS, SEG_AR)] = 0xc093;
	vcpu.gpr[GPR_RCX] = 0x800000000000;
	assert_int_equal(ud("\x48\x0f\x07", ENTRY, KERNEL_CR3), EXIT_INJECTED);
	assert_int_equal(reg[REG_RIP], ENTRY);
	assert_int_equal(injected, 2);
}

static void test_whose(void **state)
{
	(void)state;
	start();
	ud("\x0f\x05", USER_RIP, OTHER_CR3);
	assert_int_equal(logged, 0);
	assert_int_equal(reg[REG_RIP], ENTRY);
	ud("\x0f\x05", USER_RIP, USER_CR3);
	ud("\x0f\x05", USER_RIP, KERNEL_CR3 | 0x801);
	assert_int_equal(logged, 2);
	assert_int_equal(ud("\x0f\x0b", USER_RIP, USER_CR3), EXIT_PASS); /* UD2 */
	mode = INSN_32;
	assert_int_equal(ud("\x0f\x05", USER_RIP, USER_CR3), EXIT_PASS);
	fake.vendor = CRM_AMD;
	reg[REG_CSTAR] = ENTRY + 64;
	assert_int_equal(ud("\x0f\x05", USER_RIP, USER_CR3), EXIT_RETRY);
	assert_int_equal(reg[REG_RIP], ENTRY + 64);
}

/* The guest reads SCE as it has written it; the real one is clear. */
static void test_efer(void **state)
{
	const struct exit read = {.kind = EXIT_RDMSR};

	(void)state;
	start();
	assert_int_equal(asked, 3);
	assert_int_equal(trapped, BIT(VECTOR_UD));
	assert_int_equal(reg[REG_EFER] & EFER_SCE, 0);
	vcpu.gpr[GPR_RCX] = MSR_EFER;
	assert_int_equal(syscalls_on_exit(&vcpu, &read), EXIT_PASS);
	assert_int_equal(reg[REG_EFER] & EFER_SCE, 1);
	assert_true(vcpu.entry_hook);
	syscalls_on_entry(&vcpu);
	syscalls_on_entry(&vcpu); /* for another hypapp */
	assert_int_equal(reg[REG_EFER] & EFER_SCE, 0);
	vcpu.gpr[GPR_RCX] = MSR_EFER;
	syscalls_on_exit(&vcpu, &read);
	reg[REG_EFER] &= ~EFER_SCE; /* the guest clears it */
	syscalls_on_entry(&vcpu);
	assert_int_equal(ud("\x0f\x05", USER_RIP, USER_CR3), EXIT_PASS);
	vcpu.gpr[GPR_RCX] = MSR_EFER;
	syscalls_on_exit(&vcpu, &read);
	reg[REG_EFER] |= EFER_SCE;
	syscalls_on_entry(&vcpu);
	assert_int_equal(reg[REG_EFER] & EFER_SCE, 0);
	call(0, KERNEL_CR3);
	assert_int_equal(reg[REG_EFER] & EFER_SCE, 1);
	assert_int_equal(trapped, 0);
	assert_int_equal(ud("\x0f\x05", USER_RIP, USER_CR3), EXIT_PASS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syscall),
		cmocka_unit_test(test_sysret),
		cmocka_unit_test(test_whose),
		cmocka_unit_test(test_efer),
	};

	return RUN(tests);
}
