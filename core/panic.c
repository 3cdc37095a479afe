/* SPDX-License-Identifier: MIT */
#include "core/panic.h"

#include "core/mp.h"
#include "core/serial.h"
#include "core/trace.h"
#include "core/core.h"
#include "hv/assert.h"
#include "hv/hypapp.h"
#include "lib/fmt.h"
#include "x86/insn.h"

static _Atomic u32 panicking;

_Noreturn static void stop(void)
{
	for (;;)
		cpu_halt();
}

static void report_guest(struct pcpu *p)
{
	static const char *const name[GPR_COUNT] = {"RAX", "RCX", "RDX", "RBX", "RSP", "RBP",
						    "RSI", "RDI", "R8",	 "R9",	"R10", "R11",
						    "R12", "R13", "R14", "R15"};

	if (p->vcpu.arch)
		p->vcpu.gpr[GPR_RSP] = backend->state_get(&p->vcpu, REG_RSP);
	for (u32 i = 0; i < GPR_COUNT; i += 4)
		say("guest %-3s %016" FMT64 "x %-3s %016" FMT64 "x %-3s %016" FMT64
		    "x %-3s %016" FMT64 "x",
		    name[i], p->vcpu.gpr[i], name[i + 1], p->vcpu.gpr[i + 1], name[i + 2],
		    p->vcpu.gpr[i + 2], name[i + 3], p->vcpu.gpr[i + 3]);
	if (p->vcpu.arch)
		backend->dump(&p->vcpu, say_line);
}

_Noreturn static void report_and_stop(const char *what)
{
	struct pcpu *p = gs_self();
	u32 none = 0;

	/* the first CPU reports; a panic of another one, or in the report itself, only stops */
	if (!atomic_compare_exchange_strong(&panicking, &none, 1))
		stop();
	mp_stop_others();
	say("PANIC on CPU %u: %s", p ? p->index : 0, what);
	hypapps_wipe(NULL);
	say("tick %" FMT64 "u, CR0 %" FMT64 "x CR2 %" FMT64 "x CR3 %" FMT64 "x CR4 %" FMT64 "x",
	    rdtsc(), read_cr0(), read_cr2(), read_cr3(), read_cr4());
	if (p) {
		report_guest(p);
		for (u32 i = 0; i < cpu_count; i++)
			trace_report(pcpus[i], say_line);
		trace_out(say_line);
	}
	say("PANIC: all CPUs are stopped");
	stop();
}

void panic(const char *f, ...)
{
	char what[160];
	va_list ap;

	va_start(ap, f);
	fmt_va(what, sizeof(what), f, ap);
	va_end(ap);
	report_and_stop(what);
}

void panic_trap(const struct trap_frame *f)
{
	panic("exception %u, error code %x, in Lamina at RIP %" FMT64 "x, RSP %" FMT64 "x",
	      (u32)f->vector, (u32)f->error, f->rip, f->rsp);
}

void assert_failed(const char *file, int line, const char *cond)
{
	panic("assertion failed at %s:%d: %s", file, line, cond);
}
