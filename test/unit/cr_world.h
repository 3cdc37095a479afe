/* SPDX-License-Identifier: MIT */
/* A guest CPU for core/exit_cr.c and core/cr_judge.c, with a backend, memory and a log played by
 * the test. */
#ifndef TEST_CR_WORLD_H
#define TEST_CR_WORLD_H

#include "unit.h"
#include "core/core.h"
#include "core/cr.h"
#include "core/exit_handlers.h"
#include "hv/gmem.h"
#include "hv/hypapp.h"
#include "core/probe.h"
#include "core/serial.h"
#include "core/trace.h"
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
static char said[512];
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

/* What lies before the instruction that exits. */
static u8 code[CODE_BYTES];
static size_t code_bytes;

size_t gmem_read(struct vcpu *cpu, u64 linear, void *out, size_t n)
{
	(void)cpu;
	assert_int_equal(linear + n, 0x6a29be);
	if (n > code_bytes)
		return 0;
	memcpy(out, code + sizeof(code) - n, n);
	return n;
}

enum insn_mode gmem_code_mode(struct vcpu *cpu)
{
	(void)cpu;
	return INSN_32;
}

/* What a hypapp is told, and the bits whose clearing it refuses. */
static struct cr_change change;
static u32 change_count;
static u64 no_clearing;

bool hypapps_on_cr(struct vcpu *cpu, const struct cr_change *c)
{
	assert_ptr_equal(cpu, v);
	change = *c;
	change_count++;
	return !(c->old & ~c->new &no_clearing);
}

u64 probe_leaked(enum crm_name name)
{
	(void)name;
	return 0;
}

static struct {
	struct access a;
	u64 value;
	u8 sub;
	u32 verdicts;
} traced;

void trace_verdict(struct vcpu *cpu, const struct cr_case *c)
{
	(void)cpu;
	traced.verdicts += c->verdict.verdict != V_OK;
}

void trace_cr(struct vcpu *cpu, const struct exit *x, const struct cr_case *c, u64 value, u8 sub)
{
	(void)cpu;
	traced.a = c->access;
	traced.value = value;
	traced.sub = sub | x->cr.access;
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
	change_count = 0;
	no_clearing = 0;
	memset(cr_watched, 0, sizeof(cr_watched));
	code_bytes = 0;
	lines = gps = uds = flushes = commits = efer_writes = 0;
	cr_judge_start();
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

#endif
