/* SPDX-License-Identifier: MIT */
#include "core/probe.h"

#include "core/core.h"
#include "core/cr.h"
#include "core/exit_handlers.h"
#include "core/mp.h"
#include "core/page.h"
#include "core/reset.h"
#include "core/serial.h"
#include "core/sipi.h"
#include "core/slat.h"
#include "core/trace.h"
#include "core/trap.h"
#include "hv/assert.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "verdict/verdict.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/paging.h"
#include "x86/seg.h"

#define BATCH	     16u /* rounds between two kicks of the next CPU */
#define BATCHES	     16u
#define BATCHES_ONLY 256u
#define MEETINGS     4u
#define KICK_BOUND   1000000u /* turns of a loop that an NMI may take to arrive */

/* At the end of Lamina's memory, free until devices need tables (core/claim.c), and hidden from
 * the guest when the probe is done: a page for the code and, in its second half, the four PDPTEs;
 * and the page directory. */
#define PROBE_BYTES (2 * PAGE_SIZE)
#define PDPT_OFFSET (PAGE_SIZE / 2)

#define CR0_START (CR0_PE | CR0_ET | CR0_PG)
#define CR4_START CR4_PAE

static const struct step {
	enum crm_op op;
	enum crm_name name;
	u64 value; /* to be read or written */
} steps[] = {
#define STEP(op, cr, bits) {CRM_##op, CRM_##cr, (u32)((u32)cr##_START + (bits))},
#include "core/probe_steps.def"
};

extern const u8 probe_guest[], probe_guest_end[];

static struct probe {
	void *back[5]; /* where __builtin_longjmp leaves the guest for */
	u32 batches;
	u64 exits, exits_due;		   /* of CR accesses */
	u64 wrong[CRM_CRS], bits[CRM_CRS]; /* reads, and all the bits that were wrong in them */
	u64 read[CRM_CRS], due[CRM_CRS];   /* the first of them */
	const char *stopped;		   /* by an exit that nobody asked for */
} probes[MAX_CPUS];

static u64 guest_pa; /* of the code */
static u32 batches;
static _Atomic u32 arrived;
static _Atomic u64 leaked[CRM_CRS]; /* bits */

void probe_init(void)
{
	u8 *page;
	u64 *pd;

	if (machine.opt.probe == OPT_PROBE_OFF)
		return;
	machine.hv_size -= PROBE_BYTES;
	batches = machine.opt.probe == OPT_PROBE_ONLY ? BATCHES_ONLY : BATCHES;
	guest_pa = machine.hv_base + machine.hv_size;
	page = phys_ptr(guest_pa);
	pd = phys_ptr(guest_pa + PAGE_SIZE);
	memset(page, 0, PROBE_BYTES);
	memcpy(page, probe_guest, (size_t)(probe_guest_end - probe_guest));
	((u64 *)(page + PDPT_OFFSET))[guest_pa / PAGE_1G] = (guest_pa + PAGE_SIZE) | PTE_P;
	pd[guest_pa / PAGE_2M % 512] =
		align_down(guest_pa, PAGE_2M) | PTE_P | PTE_W | PTE_A | PTE_D | PTE_PS;
}

/* One emulator's selective intercept lets an LMSW pass (doc/cr-platforms.md): on AMD-V it is not
 * counted. */
static bool counts(enum crm_op op)
{
	return backend->vendor == CRM_INTEL || op != CRM_LMSW;
}

/* CR exits in a round, by the model. */
static u32 exits_per_round(struct vcpu *v)
{
	struct crm_cpu cpu = cr_model(v);
	u64 shown = guest_cr(v, CRM_CR4) ^ CR4_START; /* option quirk=show */
	u32 n = 0;

	for (u32 s = 0; s < ARRAY_SIZE(steps); s++) {
		struct crm_insn i = {steps[s].op, 0, steps[s].value};
		struct crm_result r;

		if (steps[s].name == CRM_CR4) {
			i.cr = 4;
			i.value |= shown;
		}
		r = crm_execute(&cpu, &i);
		n += r.verdict == CRM_EXIT && counts(i.op);
		if (r.verdict == CRM_EXIT)
			r = crm_emulate(&cpu, &i);
		crm_apply(&cpu, &i, &r);
	}
	return n;
}

static void start(struct vcpu *v)
{
	reset_init(v);
	cr_reset(v, CR0_START, CR4_START);
	backend->state_set(v, REG_CR3, guest_pa + PDPT_OFFSET);
	cr_load_pdptes(v, guest_pa + PDPT_OFFSET);
	set_flat_segments(v, SEL_CODE32, SEL_DATA);
	backend->state_set(v, REG_RIP, guest_pa);
	v->gpr[GPR_RBP] = guest_cr(v, CRM_CR0);
	v->gpr[GPR_RBX] = guest_cr(v, CRM_CR4);
	v->gpr[GPR_RCX] = BATCH;
	probes[v->index].exits_due = (u64)exits_per_round(v) * BATCH * batches;
}

/* The guest has read what was not due, or has done its rounds. */
static void told(struct vcpu *v, struct probe *p)
{
	u64 read = (u32)v->gpr[GPR_RAX], due = (u32)v->gpr[GPR_RDX];
	u32 what = (u32)v->gpr[GPR_RSI];

	if (what < CRM_CRS) {
		atomic_fetch_or(&leaked[what], read ^ due);
		p->bits[what] |= read ^ due;
		if (p->wrong[what]++ == 0) {
			p->read[what] = read;
			p->due[what] = due;
		}
		return;
	}
	if (++p->batches == batches)
		__builtin_longjmp(p->back, 1);
	v->gpr[GPR_RCX] = BATCH;
	mp_post(pcpus[(v->index + 1) % cpu_count], 0);
}

enum exit_answer probe_exit(struct vcpu *v, const struct exit *x)
{
	struct probe *p = &probes[v->index];

	switch (x->kind) {
	case EXIT_CPUID: told(v, p); return EXIT_ADVANCE;
	case EXIT_CR:
		p->exits += counts(x->cr.access == CR_LMSW ? CRM_LMSW : CRM_MOV_TO);
		return exit_cr(v, x);
	case EXIT_NMI: /* a kick, or a panic elsewhere */
		atomic_store(&v->nmi_root, 0);
		mp_take_kick(pcpu_of(v));
		sipi_check_mail(v);
		return EXIT_RETRY;
	default: p->stopped = exit_kind_name[x->kind]; __builtin_longjmp(p->back, 1);
	}
}

/* The n-th time that all CPUs wait for each other. */
static void meet(struct vcpu *v, u32 n)
{
	atomic_fetch_add(&arrived, 1);
	while (atomic_load(&arrived) < n * cpu_count) {
		sipi_check_mail(v);
		cpu_pause();
	}
}

/* Nobody kicks any more: the last kick is taken, or lost. */
static void forget_kicks(struct vcpu *v)
{
	struct pcpu *p = pcpu_of(v);

	for (u32 n = 0; n < KICK_BOUND && p->pub.kick && !v->nmi_root; n++)
		cpu_pause();
	atomic_store(&v->nmi_root, 0);
	atomic_store(&p->pub.kick, 0);
}

static u32 report_reads(u32 cpu, const struct probe *p, enum crm_name name)
{
	u64 bits = p->bits[name], reads = 0;
	char names[64];

	for (u32 s = 0; s < ARRAY_SIZE(steps); s++)
		reads += steps[s].op == CRM_MOV_FROM && steps[s].name == name;
	if (!bits)
		return 0;
	say("probe: cpu %u: platform leaks CR%u.%s: read %" FMT64 "x, due %" FMT64 "x (%" FMT64
	    "u of %" FMT64 "u)",
	    cpu, name == CRM_CR0 ? 0 : 4, bit_names(name, bits, names, sizeof(names)),
	    p->read[name], p->due[name], p->wrong[name], reads * BATCH * batches);
	return 1;
}

static void report(void)
{
	u32 faults = 0;

	for (u32 i = 0; i < cpu_count; i++) {
		const struct probe *p = &probes[i];

		faults += report_reads(i, p, CRM_CR0) + report_reads(i, p, CRM_CR4);
		if (p->stopped)
			say("probe: cpu %u: platform ends it by an exit: %s", i, p->stopped);
		else if (p->exits != p->exits_due)
			say("probe: cpu %u: platform breaks L2: %" FMT64 "u CR exits, due %" FMT64
			    "u",
			    i, p->exits, p->exits_due);
		faults += p->stopped || p->exits != p->exits_due;
	}
	say("probe: %u CPUs, %u steps each, %u faults", cpu_count,
	    (u32)ARRAY_SIZE(steps) * BATCH * batches, faults);
}

u64 probe_leaked(enum crm_name name)
{
	return atomic_load(&leaked[name]);
}

void probe_run(struct vcpu *v)
{
	err_t err = OK;

	if (machine.opt.probe == OPT_PROBE_OFF ||
	    atomic_load(&arrived) == MEETINGS * cpu_count) /* the CPU has been reset since */
		return;
	meet(v, 1);
	start(v);
	v->probing = true;
	if (!__builtin_setjmp(probes[v->index].back))
		backend->run(v);
	v->probing = false;
	trap_unblock_nmi(); /* some platforms block them from an NMI's exit to an IRET */
	meet(v, 2);
	if (v->index == 0) {
		report();
		machine.hv_size += PROBE_BYTES;
		err = slat_hide(machine.hv_base, machine.hv_size);
	}
	ASSERT(!err); /* its tables go down to pages already */
	meet(v, 3);   /* the report took longer than an NMI that waits behind another */
	forget_kicks(v);
	meet(v, MEETINGS);
	backend->tlb_flush(v, true);
	while (machine.opt.probe == OPT_PROBE_ONLY)
		cpu_halt();
}
