/* SPDX-License-Identifier: MIT */
/*
 * From exit codes to exits, and what happens around every exit. The instructions that CR exits and
 * lengths are found in are real ones.
 */
#include "svm_world.h"
#include "hv/gmem.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/rflags.h"
#include "x86/vector.h"

struct svm_caps svm_caps;

static u8 code[INSN_MAX_BYTES];
static u64 efer;
static struct exit seen;
static u32 dispatched, redelivered, irets, tasks, windows, kept;
static bool failed, stepped;
static jmp_buf failing;

u32 gmem_insn(struct vcpu *cpu, u64 rip, struct insn *i)
{
	int length = insn_decode(code, sizeof(code), INSN_64, i);

	(void)cpu;
	assert_int_equal(rip, 0x1000);
	return length > 0 ? (u32)length : 0;
}

u64 gmem_operand(struct vcpu *cpu, const struct insn *i)
{
	(void)cpu;
	(void)i;
	return 0x5000;
}

size_t gmem_read(struct vcpu *cpu, u64 linear, void *out, size_t n)
{
	(void)cpu;
	assert_int_equal(linear, 0x5000);
	memcpy(out, "\x0b\x00", n);
	return n;
}

u64 svm_state_get(struct vcpu *cpu, enum cpu_reg r)
{
	(void)cpu;
	assert_int_equal(r, REG_EFER);
	return efer;
}

void svm_state_set(struct vcpu *cpu, enum cpu_reg r, u64 value)
{
	(void)cpu;
	assert_int_equal(r, REG_EFER);
	efer = value;
}

bool exit_dispatch(struct vcpu *cpu, const struct exit *x)
{
	(void)cpu;
	seen = *x;
	dispatched++;
	return false;
}

void svm_advance(struct vcpu *cpu, const struct exit *x)
{
	(void)cpu;
	(void)x;
}

void svm_event_redeliver(struct vcpu *cpu)
{
	assert_int_equal(vmcb_read(cpu, VMCB_EVENTINJ), 0);
	redelivered++;
}

void svm_event_iret(struct vcpu *cpu)
{
	(void)cpu;
	irets++;
}

void svm_event_nmi_over(struct vcpu *cpu)
{
	(void)cpu;
	tasks++;
}

bool svm_event_stepped(struct vcpu *cpu)
{
	(void)cpu;
	return stepped;
}

void svm_event_nmi_window(struct vcpu *cpu)
{
	(void)cpu;
	assert_int_equal(redelivered, 1);
	windows++;
}

void svm_entry_failed(struct vcpu *cpu)
{
	/* what was refused must still be there to be shown */
	assert_int_equal(vmcb_read(cpu, VMCB_EVENTINJ), 0x80000355);
	failed = true;
	longjmp(failing, 1);
}

void svm_keep(struct vcpu *cpu)
{
	(void)cpu;
	kept++;
}

void svm_loop(struct vcpu *cpu)
{
	(void)cpu;
	abort();
}

static void restart(void)
{
	world_restart();
	svm_caps = (struct svm_caps){.clean = 0x7ff};
	memset(code, 0x90, sizeof(code));
	memset(&seen, 0, sizeof(seen));
	dispatched = redelivered = irets = tasks = windows = kept = 0;
	failed = stepped = false;
	efer = 0;
	vmcb_write(v, VMCB_RIP, 0x1000);
	vmcb_write(v, VMCB_CR0, CR0_PG | CR0_PE);
}

static void exits(u64 exit_code, u64 info1, u64 info2)
{
	vmcb_write(v, VMCB_EXITCODE, exit_code);
	vmcb_write(v, VMCB_EXITINFO1, info1);
	vmcb_write(v, VMCB_EXITINFO2, info2);
	svm_exited(v);
	assert_int_equal(dispatched, 1);
	assert_int_equal(seen.rip, 0x1000);
}

/* Exit codes by the manual's numbers (AMD APM vol. 2, appendix C) */
static void test_kinds(void **state)
{
	static const struct {
		u32 code;
		enum exit_kind kind;
	} cases[] = {
		{0x41, EXIT_EXCEPTION},	    {0x4d, EXIT_EXCEPTION}, {0x60, EXIT_INTR},
		{0x61, EXIT_NMI},	    {0x72, EXIT_CPUID},	    {0x74, EXIT_STEP},
		{0x76, EXIT_INVD},	    {0x7b, EXIT_PORT},	    {0x7c, EXIT_RDMSR},
		{0x7f, EXIT_SHUTDOWN},	    {0x80, EXIT_VIRT_INSN}, {0x81, EXIT_HYPERCALL},
		{0x82, EXIT_VIRT_INSN},	    {0x83, EXIT_VIRT_INSN}, {0x84, EXIT_VIRT_INSN},
		{0x85, EXIT_VIRT_INSN},	    {0x86, EXIT_VIRT_INSN}, {0x400, EXIT_SLAT},
		{0x5e, EXIT_INIT},	    {0x62, EXIT_UNKNOWN},   {0x7d, EXIT_UNKNOWN},
		{0x90, EXIT_UNKNOWN},	    {0x401, EXIT_UNKNOWN},  {0x20, EXIT_UNKNOWN},
		{0x10000072, EXIT_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		restart();
		exits(cases[i].code, 0, 0x1001);
		assert_int_equal(seen.kind, cases[i].kind);
		if (seen.kind == EXIT_UNKNOWN || seen.kind == EXIT_VIRT_INSN)
			assert_int_equal(seen.raw.code, cases[i].code);
	}
	restart();
	exits(0x7c, 1, 0);
	assert_int_equal(seen.kind, EXIT_WRMSR);
}

/* Everything that stands for one entry only is gone at the exit, the rest is clean; and an NMI that
 * came before an entry leaves all of it as it was. */
static void test_exited(void **state)
{
	(void)state;
	restart();
	svm_caps.tcg = true;
	vmcb_write(v, VMCB_RAX, 0x1234);
	vmcb_write(v, VMCB_TLB_CONTROL, 3);
	vmcb_write(v, VMCB_EVENTINJ, 0x8000030d);
	v->event_set = true;
	exits(0x61, 0, 0);
	assert_int_equal(v->gpr[GPR_RAX], 0x1234);
	assert_int_equal(vmcb_read(v, VMCB_TLB_CONTROL), 0);
	assert_int_equal(vmcb_read(v, VMCB_EVENTINJ), 0);
	assert_int_equal(vmcb_read(v, VMCB_CLEAN), 0x7ff);
	assert_false(v->event_set);
	assert_int_equal(windows, 1);
	assert_int_equal(kept, 1);
	restart();
	svm_caps.clean = 0;
	exits(0x60, 0, 0);
	assert_int_equal(kept, 0);
	assert_int_equal(vmcb_read(v, VMCB_CLEAN), 0);
	assert_int_equal(redelivered, 1);
	restart();
	vmcb_write(v, VMCB_CLEAN, 0x7fe);
	vmcb_write(v, VMCB_TLB_CONTROL, 3);
	vmcb_write(v, VMCB_EVENTINJ, 0x8000030d);
	v->event_set = true;
	svm_entry_aborted(v);
	assert_int_equal(seen.kind, EXIT_NMI);
	assert_int_equal(vmcb_read(v, VMCB_TLB_CONTROL), 3);
	assert_int_equal(vmcb_read(v, VMCB_EVENTINJ), 0x8000030d);
	assert_int_equal(vmcb_read(v, VMCB_CLEAN), 0x7fe);
	assert_true(v->event_set);
}

/* QEMU stores 32 bits of the exit code -1, hardware 64. */
static void test_refused(void **state)
{
	static const u64 codes[] = {0xffffffff, ~0ULL};

	(void)state;
	for (volatile size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		restart();
		vmcb_write(v, VMCB_EXITCODE, codes[i]);
		vmcb_write(v, VMCB_EVENTINJ, 0x80000355);
		if (!setjmp(failing))
			svm_exited(v);
		assert_true(failed);
		assert_int_equal(dispatched, 0);
	}
}

/* From the VMCB where the CPU gives it, else from the instruction. */
static void test_length(void **state)
{
	static const u8 kinds[] = {0x72, 0x76, 0x7c, 0x81};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		restart();
		memcpy(code, "\x66\x0f\xa2", 3);
		vmcb_write(v, VMCB_NRIP, 0x1007);
		exits(kinds[i], 0, 0);
		assert_int_equal(seen.length, 3);
		restart();
		svm_caps.features = BIT(3);
		vmcb_write(v, VMCB_NRIP, 0x1007);
		exits(kinds[i], 0, 0);
		assert_int_equal(seen.length, 7);
	}
}

/* EXITINFO1: bit 0 IN, 2 string, 4 to 6 the size, 31:16 the port; EXITINFO2: the next RIP */
static void test_port(void **state)
{
	(void)state;
	restart();
	exits(0x7b, 0x3f8 << 16 | 1 << 4 | 1, 0x1002);
	assert_true(seen.port.in && !seen.port.string && seen.port.size == 1);
	assert_int_equal(seen.port.port, 0x3f8);
	assert_int_equal(seen.length, 2);
	restart();
	exits(0x7b, 0xcf8u << 16 | 4 << 4 | 1 << 2, 0x1001);
	assert_true(!seen.port.in && seen.port.string && seen.port.size == 4);
	assert_int_equal(seen.length, 1);
}

/* EXITINFO1 is a page fault's error code */
static void test_slat(void **state)
{
	static const struct {
		u64 info;
		u32 access;
		bool misconfigured;
	} cases[] = {
		{BIT(32) | 4, SLAT_READ, false},    {BIT(32) | 7, SLAT_WRITE, false},
		{BIT(32) | 0x15, SLAT_EXEC, false}, {BIT(33) | 6, SLAT_WRITE, false},
		{BIT(32) | 0xd, SLAT_READ, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		restart();
		exits(0x400, cases[i].info, 0xfee00300);
		assert_int_equal(seen.slat.gpa.v, 0xfee00300);
		assert_int_equal(seen.slat.access, cases[i].access);
		assert_int_equal(seen.slat.misconfigured, cases[i].misconfigured);
		assert_int_equal(seen.length, 0);
		assert_int_equal(redelivered, 1);
	}
}

static void test_exceptions(void **state)
{
	(void)state;
	restart();
	exits(0x4d, 0x18, 0);
	assert_int_equal(seen.kind, EXIT_EXCEPTION);
	assert_int_equal(seen.exception.vector, VECTOR_GP);
	assert_int_equal(seen.exception.error, 0x18);
	assert_int_equal(redelivered, 1);
	restart(); /* VMRUN at CPL 3 is #UD without AMD-V */
	memcpy(code, "\x0f\x01\xd8", 3);
	exits(0x4d, 0, 0);
	assert_int_equal(seen.kind, EXIT_VIRT_INSN);
	restart(); /* SWAPGS is not of AMD-V */
	memcpy(code, "\x0f\x01\xf8", 3);
	exits(0x4d, 0, 0);
	assert_int_equal(seen.kind, EXIT_EXCEPTION);
	restart(); /* in the delivery of an event the instruction is not the cause */
	memcpy(code, "\x0f\x01\xd8", 3);
	vmcb_write(v, VMCB_EXITINTINFO, EVENT_INFO_VALID | 0x20);
	exits(0x4d, 0, 0);
	assert_int_equal(seen.kind, EXIT_EXCEPTION);
	restart(); /* the end of an NMI handler */
	exits(0x74, 0, 0);
	assert_int_equal(irets, 1);
	assert_int_equal(redelivered, 0);
	restart();
	stepped = true;
	exits(0x41, 0, 0);
	assert_int_equal(seen.kind, EXIT_STEP);
	assert_int_equal(redelivered, 0);
	restart();
	exits(0x41, 0, 0);
	assert_int_equal(seen.kind, EXIT_EXCEPTION);
	restart(); /* a redirected INIT is one, not the guest's exception */
	exits(0x5e, 1, 0);
	assert_int_equal(seen.kind, EXIT_INIT);
	assert_int_equal(redelivered, 0);
}

static void test_cr(void **state)
{
	static const struct {
		const char *code;
		u32 exit_code, length;
		enum exit_kind kind;
		struct exit_cr cr;
	} cases[] = {
		{"\x0f\x22\xc3", 0x10, 3, EXIT_CR, {0, CR_MOV_TO, GPR_RBX, 0}},
		{"\x41\x0f\x22\xe7", 0x14, 4, EXIT_CR, {4, CR_MOV_TO, GPR_R15, 0}},
		{"\x0f\x20\xe4", 0x04, 3, EXIT_CR, {4, CR_MOV_FROM, GPR_RSP, 0}},
		{"\x0f\x22\xc0", 0x65, 3, EXIT_CR, {0, CR_MOV_TO, GPR_RAX, 0}},
		{"\x0f\x06", 0x10, 2, EXIT_CR, {0, CR_CLTS, 0, 0}},
		{"\x0f\x01\xf1", 0x10, 3, EXIT_CR, {0, CR_LMSW, 0, 0xdef1}},
		{"\x0f\x01\xf4", 0x10, 3, EXIT_CR, {0, CR_LMSW, 0, 0x4444}},
		{"\x0f\x01\x30", 0x65, 3, EXIT_CR, {0, CR_LMSW, 0, 0x000b}},
		{"\x90", 0x10, 1, EXIT_UNKNOWN, {0, 0, 0, 0}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		restart();
		memcpy(code, cases[i].code, cases[i].length);
		v->gpr[GPR_RCX] = 0x123abcdef1;
		vmcb_write(v, VMCB_RSP, 0x4444);
		exits(cases[i].exit_code, 0, 0);
		assert_int_equal(seen.kind, cases[i].kind);
		assert_int_equal(seen.length, cases[i].length);
		if (seen.kind != EXIT_CR)
			continue;
		assert_int_equal(seen.cr.cr, cases[i].cr.cr);
		assert_int_equal(seen.cr.access, cases[i].cr.access);
		assert_int_equal(seen.cr.gpr, cases[i].cr.gpr);
		assert_int_equal(seen.cr.lmsw, cases[i].cr.lmsw);
	}
	/* Bochs has set LMA before it finds that the write of PG exits */
	restart();
	memcpy(code, "\x0f\x22\xc0", 3);
	vmcb_write(v, VMCB_CR0, CR0_PE);
	efer = EFER_LME | EFER_LMA;
	exits(0x10, 0, 0);
	assert_int_equal(efer, EFER_LME);
}

/* An IRET that returns to another task is no IRET to step over; NT means that in protected mode
 * only. */
static void test_task_return(void **state)
{
	static const struct {
		u64 cr0, rflags, efer;
		bool task;
	} cases[] = {
		{CR0_PE, RFLAGS_NT, 0, true},
		{CR0_PE, 0, 0, false},
		{0, RFLAGS_NT, 0, false},
		{CR0_PE, RFLAGS_NT | RFLAGS_VM, 0, false},
		{CR0_PE | CR0_PG, RFLAGS_NT, EFER_LME | EFER_LMA, false},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		restart();
		memcpy(code, "\xcf", 1);
		vmcb_write(v, VMCB_CR0, cases[i].cr0);
		vmcb_write(v, VMCB_RFLAGS, cases[i].rflags);
		vmcb_write(v, VMCB_TR_BASE, 0x5000);
		efer = cases[i].efer;
		exits(0x74, 0, 0);
		assert_int_equal(tasks, cases[i].task);
		assert_int_equal(irets, !cases[i].task);
		if (!cases[i].task)
			continue;
		assert_int_equal(seen.kind, EXIT_TASK_SWITCH);
		assert_int_equal(seen.task.source, TASK_IRET);
		assert_int_equal(seen.task.selector, 0xb);
		assert_int_equal(seen.length, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),	    cmocka_unit_test(test_exited),
		cmocka_unit_test(test_refused),	    cmocka_unit_test(test_length),
		cmocka_unit_test(test_port),	    cmocka_unit_test(test_slat),
		cmocka_unit_test(test_exceptions),  cmocka_unit_test(test_cr),
		cmocka_unit_test(test_task_return),
	};

	return RUN(tests);
}
