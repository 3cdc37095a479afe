/* SPDX-License-Identifier: MIT */
/* Which hypapps run and are asked, and what they watch, with core played by the test. */
#include "unit.h"
#include "core/core.h"
#include "core/cr.h"
#include "core/msr.h"
#include "core/port.h"
#include "core/serial.h"
#include "core/this_cpu.h"
#include "hv/hypapp.h"
#include "hv/hypercall.h"
#include "hv/watch.h"
#include "hv/world.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"
#include "x86/vector.h"

struct machine machine;
const struct backend *backend;
struct pcpu *pcpus[MAX_CPUS];
u32 cpu_count = 2;
u64 cr_watched[CRM_CRS];

static struct vcpu vcpu;
static struct vcpu *const v = &vcpu;

static void set_clock(u64 tsc)
{
	fake_cpu->tsc = tsc;
}
static char said[200];
static u32 inits[3], asked[3], agains, gps;
static enum exit_answer answer;
static u64 reg[REG_COUNT];
static struct {
	u32 msr;
	bool read, write;
} traps[256];
static u32 trap_count;
static bool port_trapped[0x10000];

u32 this_cpu(void)
{
	return 0;
}

void say(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	vsnprintf(said, sizeof(said), f, ap);
	va_end(ap);
}

enum exit_answer inject_gp(struct vcpu *cpu)
{
	(void)cpu;
	gps++;
	return EXIT_INJECTED;
}

void cr_again(struct vcpu *cpu, enum crm_name name)
{
	(void)cpu;
	agains += name == CRM_CR4;
}

bool world_call(struct vcpu *cpu, u32 index, void (*fn)(struct vcpu *cpu, void *arg), void *arg)
{
	assert_true(index < cpu_count);
	fn(cpu, arg);
	return true;
}

static void trap_msr(u32 msr, bool read, bool write)
{
	u32 i = 0;

	while (i < trap_count && traps[i].msr != msr)
		i++;
	trap_count += i == trap_count;
	traps[i].msr = msr;
	traps[i].read = read;
	traps[i].write = write;
}

static bool trapped(u32 msr, bool read)
{
	for (u32 i = 0; i < trap_count; i++)
		if (traps[i].msr == msr)
			return read ? traps[i].read : traps[i].write;
	return false;
}

/* Core's own. */
void msr_trap_init(void)
{
	trap_msr(MSR_APIC_BASE, false, true);
	trap_msr(MSR_EFER, true, true);
}

static void trap_port(u16 port, bool on)
{
	port_trapped[port] = on;
}

void port_trap_power(bool on)
{
	port_trapped[0xb004] = on;
}

static u64 state_get(struct vcpu *cpu, enum cpu_reg r)
{
	(void)cpu;
	return reg[r];
}

static void state_set(struct vcpu *cpu, enum cpu_reg r, u64 value)
{
	(void)cpu;
	reg[r] = value;
}

static bool has_timer, interrupts_trapped;
static u64 timer_ticks;

static bool timer(struct vcpu *cpu, u64 ticks)
{
	(void)cpu;
	timer_ticks = ticks;
	return has_timer;
}

static void trap_events(struct vcpu *cpu, u32 exceptions, bool interrupts)
{
	(void)cpu;
	assert_int_equal(exceptions, 0);
	interrupts_trapped = interrupts;
}

static const struct backend fake = {
	.vendor = CRM_AMD,
	.state_get = state_get,
	.state_set = state_set,
	.trap_msr = trap_msr,
	.trap_port = trap_port,
	.timer = timer,
	.trap_events = trap_events,
};

#define APP(n)                                                                      \
	static err_t init_##n(u32 cpus)                                             \
	{                                                                           \
		assert_int_equal(cpus, cpu_count);                                  \
		inits[n]++;                                                         \
		return OK;                                                          \
	}                                                                           \
	static enum exit_answer on_exit_##n(struct vcpu *cpu, const struct exit *x) \
	{                                                                           \
		(void)cpu;                                                          \
		(void)x;                                                            \
		asked[n]++;                                                         \
		return n ? EXIT_PASS : answer;                                      \
	}                                                                           \
	static bool on_cr_##n(struct vcpu *cpu, const struct cr_change *c)          \
	{                                                                           \
		(void)cpu;                                                          \
		asked[n]++;                                                         \
		return c->new != n;                                                 \
	}                                                                           \
	static enum exit_answer call_##n(struct vcpu *cpu, u32 number)              \
	{                                                                           \
		(void)cpu;                                                          \
		asked[n]++;                                                         \
		return number == HC_NS(n + 1) ? EXIT_ADVANCE : EXIT_PASS;           \
	}

APP(0)
APP(1)
APP(2)

static u32 timers;

static void on_timer(struct vcpu *cpu)
{
	(void)cpu;
	timers++;
}

#define OBJECT(n)                                                                                 \
	.hypercalls = HC_NS(n + 1), .init = init_##n, .on_exit = on_exit_##n, .on_cr = on_cr_##n, \
	.hypercall = call_##n

static const struct hypapp first = {.name = "first", OBJECT(0)},
			   second = {.name = "second", OBJECT(1), .on_timer = on_timer},
			   third = {.name = "third", .always = true, OBJECT(2)};
const struct hypapp *const hypapp_list[] = {&first, &second, &third, NULL};
const struct hypapp *hypapp_chosen[4];

static void start(const char *cmdline)
{
	static struct fake_cpu cpu;

	fake_cpu = &cpu;
	memset(&cpu, 0, sizeof(cpu));
	memset(hypapp_chosen, 0, sizeof(hypapp_chosen));
	memset(inits, 0, sizeof(inits));
	memset(asked, 0, sizeof(asked));
	memset(reg, 0, sizeof(reg));
	backend = &fake;
	answer = EXIT_PASS;
	*said = 0;
	gps = agains = 0;
	snprintf(machine.boot.cmdline, sizeof(machine.boot.cmdline), "%s", cmdline);
	assert_true(hypapps_init(cpu_count) == OK);
}

static void check_runs(const char *cmdline, u32 a, u32 b)
{
	start(cmdline);
	assert_int_equal(inits[0], a);
	assert_int_equal(inits[1], b);
	assert_int_equal(inits[2], 1);
}

static void test_choice(void **state)
{
	(void)state;
	check_runs("hypapps=first", 1, 0);
	check_runs("x hypapps=second,first y", 1, 1);
	check_runs("hypapps=first hypapps=second", 0, 1);
	check_runs("hypapps=none", 0, 0);
	assert_string_equal(said, "");
	check_runs("hypapps=firs,second", 0, 1);
	assert_non_null(strstr(said, "number 1"));
	check_runs("hypapps=second,,firstx", 0, 1);
	assert_non_null(strstr(said, "number 3"));
	check_runs("hypapps=", 0, 0);
	check_runs("", 0, 0);
}

static void test_options(void **state)
{
	u64 n = 7;

	(void)state;
	start("hypapps=none hypapp.a.n=0x10 hypapp.a.on=yes hypapp.a.bits=WP+PG hypapp.a.bad=1x");
	assert_true(hypapp_option_is("hypapp.a.on", "yes"));
	assert_false(hypapp_option_is("hypapp.a.on", "ye"));
	assert_false(hypapp_option_is("hypapp.a.off", "yes"));
	assert_false(hypapp_option_number("hypapp.a.none", &n));
	assert_string_equal(said, "");
	assert_false(hypapp_option_number("hypapp.a.bad", &n));
	assert_non_null(strstr(said, "hypapp.a.bad"));
	assert_int_equal(n, 7);
	assert_true(hypapp_option_number("hypapp.a.n", &n));
	assert_int_equal(n, 16);
	assert_false(hypapp_option_bits("hypapp.a.on", CRM_CR0, &n));
	assert_int_equal(n, 16);
	assert_true(hypapp_option_bits("hypapp.a.bits", CRM_CR0, &n));
	assert_int_equal(n, CR0_WP | CR0_PG);
}

/* In their order, until one answers. */
static void test_asked(void **state)
{
	struct exit x = {.kind = EXIT_CPUID};
	struct cr_change c = {CRM_CR4, 9, 1};

	(void)state;
	start("hypapps=first,second");
	assert_int_equal(hypapps_on_exit(v, &x), EXIT_PASS);
	answer = EXIT_RETRY;
	assert_int_equal(hypapps_on_exit(v, &x), EXIT_RETRY);
	assert_int_equal(asked[0], 2);
	assert_int_equal(asked[1], 1);
	assert_int_equal(asked[2], 1);
	assert_false(hypapps_on_cr(v, &c)); /* the second refuses a 1 */
	assert_int_equal(asked[2], 1);
	c.new = 5;
	assert_true(hypapps_on_cr(v, &c));
	assert_int_equal(asked[2], 2);
}

static void test_hypercalls(void **state)
{
	(void)state;
	start("hypapps=second");
	assert_int_equal(hypapps_on_hypercall(v, HC_NS(1)), EXIT_PASS); /* it does not run */
	assert_int_equal(hypapps_on_hypercall(v, HC_NS(2)), EXIT_ADVANCE);
	assert_int_equal(hypapps_on_hypercall(v, HC_NS(2) + 15), EXIT_PASS);
	assert_int_equal(asked[1], 2);
	assert_int_equal(hypapps_on_hypercall(v, HC_NS(3)), EXIT_ADVANCE);
	assert_int_equal(asked[1], 2);
	v->gpr[GPR_RCX] = 1;
	assert_int_equal(hypapps_on_hypercall(v, HC_HYPAPP), EXIT_ADVANCE);
	assert_int_equal(v->gpr[GPR_RAX], 0);
	assert_int_equal(v->gpr[GPR_RBX], 'h' << 8 | 't' | 'i' << 16 | 'r' << 24);
	v->gpr[GPR_RCX] = 2;
	hypapps_on_hypercall(v, HC_HYPAPP);
	assert_int_equal(v->gpr[GPR_RAX], HC_ERANGE);
}

static void test_cr_watch(void **state)
{
	(void)state;
	start("");
	cr_watch(NULL, CRM_CR4, CR4_SMEP | CR4_PSE, true);
	assert_int_equal(agains, 0); /* no CPU runs yet */
	cr_watch(v, CRM_CR4, CR4_SMEP, true);
	assert_int_equal(agains, 2);
	cr_watch(v, CRM_CR4, CR4_SMEP | CR4_PSE, false);
	assert_int_equal(cr_watched[CRM_CR4], CR4_SMEP);
	cr_watch(v, CRM_CR4, CR4_SMEP, false);
	assert_int_equal(cr_watched[CRM_CR4], 0);
	assert_int_equal(cr_watched[CRM_CR0], 0);
}

static void test_msr_watch(void **state)
{
	static const u32 not [] = {MSR_X2APIC_ICR, MSR_PAT,    MSR_DEBUGCTL, MSR_FS_BASE,
				   MSR_GS_BASE,	   0x40000000, 0x2000,	     0xc0012000};

	(void)state;
	start("");
	for (u32 i = 0; i < ARRAY_SIZE(not ); i++)
		assert_false(msr_watch(not [i], true));
	assert_false(msr_watch(MSR_LSTAR, false)); /* nobody watches */
	assert_true(msr_watch(MSR_LSTAR, true));
	assert_int_equal(hypapp_kinds, BIT(EXIT_RDMSR) | BIT(EXIT_WRMSR));
	assert_true(msr_watch(MSR_LSTAR, true));
	assert_true(msr_watch(MSR_EFER, true));
	assert_true(msr_watch(MSR_APIC_BASE, true));
	assert_true(msr_watch(MSR_LSTAR, false));
	assert_true(trapped(MSR_LSTAR, false));
	assert_true(trapped(MSR_APIC_BASE, true));
	assert_true(msr_watch(MSR_LSTAR, false));
	assert_false(trapped(MSR_LSTAR, false));
	assert_true(trapped(MSR_APIC_BASE, true));
	assert_true(msr_watch(MSR_EFER, false)); /* still core's */
	assert_true(trapped(MSR_EFER, true));
	assert_true(msr_watch(MSR_APIC_BASE, false));
	for (u32 i = 0; i < 64; i++)
		assert_true(msr_watch(0x100 + i, true));
	assert_false(msr_watch(0x200, true));
	for (u32 i = 0; i < 64; i++)
		assert_true(msr_watch(0x100 + i, false));
}

/* Of an MSR that the guest does not share with Lamina the CPU judges the value, and keeps its own.
 */
static void test_kept(void **state)
{
	struct exit write = {.kind = EXIT_WRMSR}, read = {.kind = EXIT_RDMSR};
	u64 value;

	(void)state;
	start("");
	fake_msr(MSR_LSTAR, 0x1234, 0xffffffff);
	v->gpr[GPR_RCX] = MSR_LSTAR;
	v->gpr[GPR_RAX] = 0x5678;
	v->gpr[GPR_RDX] = 0;
	assert_int_equal(hypapps_on_exit(v, &write), EXIT_ADVANCE);
	assert_int_equal(reg[REG_LSTAR], 0x5678);
	assert_int_equal(rdmsr(MSR_LSTAR), 0x1234);
	v->gpr[GPR_RDX] = 1;
	assert_int_equal(hypapps_on_exit(v, &write), EXIT_INJECTED);
	assert_int_equal(gps, 1);
	assert_int_equal(reg[REG_LSTAR], 0x5678);
	reg[REG_LSTAR] = 0xabcd00001111;
	assert_int_equal(hypapps_on_exit(v, &read), EXIT_ADVANCE);
	assert_int_equal(v->gpr[GPR_RAX], 0x1111);
	assert_int_equal(v->gpr[GPR_RDX], 0xabcd);
	assert_true(msr_read(v, MSR_LSTAR, &value));
	assert_int_equal(value, 0xabcd00001111);
	reg[REG_EFER] = EFER_SCE;
	assert_true(msr_read(v, MSR_EFER, &value));
	assert_int_equal(value, EFER_SCE);
	assert_false(msr_read(v, 0x999, &value));
	v->gpr[GPR_RCX] = MSR_EFER; /* core does that */
	assert_int_equal(hypapps_on_exit(v, &write), EXIT_PASS);
}

static void test_port_watch(void **state)
{
	struct exit x = {.kind = EXIT_PORT, .port = {.port = 0x70, .size = 1}};

	(void)state;
	start("");
	assert_true(port_watch(0x70, true));
	assert_true(port_watch(0x70, true));
	assert_true(port_watch(0xb004, true));
	assert_true(port_watch(0xb004, false)); /* core's */
	assert_true(port_trapped[0xb004]);
	assert_true(port_watch(0x70, false));
	assert_true(port_trapped[0x70]);
	assert_int_equal(hypapps_on_exit(v, &x), EXIT_PASS);
	x.port.string = true;
	assert_int_equal(hypapps_on_exit(v, &x), EXIT_RETRY);
	assert_false(port_trapped[0x70]);
	x.port.port = 0x71;
	assert_int_equal(hypapps_on_exit(v, &x), EXIT_PASS);
	assert_true(port_watch(0x70, false));
	assert_false(port_watch(0x70, false));
}

/* Once, at the first exit behind that tick; the earlier of two. */
static void test_timer(void **state)
{
	struct exit x = {.kind = EXIT_CPUID};

	(void)state;
	start("hypapps=second");
	timers = 0;
	has_timer = true;
	set_clock(1000);
	timer_set(v, 1500);
	assert_int_equal(timer_ticks, 500);
	set_clock(1000);
	timer_set(v, 1700);
	assert_int_equal(timer_ticks, 500);
	set_clock(1000);
	timer_set(v, 1400);
	assert_int_equal(timer_ticks, 400);
	assert_int_equal(hypapp_kinds, ~0u);
	set_clock(1399);
	assert_int_equal(hypapps_on_exit(v, &x), EXIT_PASS);
	assert_int_equal(timer_ticks, 1);
	assert_int_equal(timers, 0);
	set_clock(1400);
	hypapps_on_exit(v, &x);
	hypapps_on_exit(v, &x);
	assert_int_equal(timers, 1);
	assert_int_equal(timer_ticks, 0);
	timer_set(v, 7); /* it is late already */
	assert_int_equal(timer_ticks, 1);
	hypapps_on_exit(v, &x);
	assert_int_equal(timers, 2);
}

/* Without a timer each interrupt makes an exit, and is let in before the next. */
static void test_timer_by_interrupts(void **state)
{
	struct exit cpuid = {.kind = EXIT_CPUID}, intr = {.kind = EXIT_INTR};

	(void)state;
	start("hypapps=second");
	timers = 0;
	has_timer = false;
	set_clock(1000);
	timer_set(v, 2000);
	assert_true(interrupts_trapped);
	hypapps_on_exit(v, &intr);
	assert_false(interrupts_trapped);
	hypapps_on_exit(v, &cpuid);
	assert_true(interrupts_trapped);
	assert_int_equal(timers, 0);
	set_clock(2001);
	hypapps_on_exit(v, &intr);
	assert_false(interrupts_trapped);
	assert_int_equal(timers, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),	 cmocka_unit_test(test_options),
		cmocka_unit_test(test_asked),	 cmocka_unit_test(test_hypercalls),
		cmocka_unit_test(test_cr_watch), cmocka_unit_test(test_msr_watch),
		cmocka_unit_test(test_kept),	 cmocka_unit_test(test_port_watch),
		cmocka_unit_test(test_timer),	 cmocka_unit_test(test_timer_by_interrupts),
	};

	return RUN(tests);
}
