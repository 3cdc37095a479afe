/* SPDX-License-Identifier: MIT */
#include "hypapp/gdb/gdb.h"

#include "hv/backend.h"
#include "hv/console.h"
#include "hv/pcpu.h"
#include "hv/world.h"
#include "hypapp/gdb/step.h"
#include "lib/fmt.h"

static void get_crs(struct vcpu *v, void *arg)
{
	static const u8 reg[2][3] = {{REG_CR0, REG_CR0_OWNED, REG_CR0_SHADOW},
				     {REG_CR4, REG_CR4_OWNED, REG_CR4_SHADOW}};
	struct cr_report *r = arg;

	for (u32 i = 0; i < 2; i++) {
		r->hw[i] = backend->state_get(v, reg[i][0]);
		r->owned[i] = backend->state_get(v, reg[i][1]);
		r->shadow[i] = backend->state_get(v, reg[i][2]);
	}
	r->valid = true;
}

struct cr_report cr_report_of(struct vcpu *v, u32 cpu)
{
	struct cr_report r = {.valid = false};

	world_call(v, cpu, get_crs, &r);
	return r;
}

void cr_report_text(const struct cr_report *r, u32 cpu, char *line, size_t size)
{
	if (!r->valid) {
		fmt(line, size, "cpu %u cannot be asked", cpu);
		return;
	}
	fmt(line, size,
	    "cpu %u CR0 hw %" FMT64 "x owned %" FMT64 "x shadow %" FMT64 "x, CR4 hw %" FMT64
	    "x owned %" FMT64 "x shadow %" FMT64 "x",
	    cpu, r->hw[0], r->owned[0], r->shadow[0], r->hw[1], r->owned[1], r->shadow[1]);
}

void report(struct vcpu *v, enum stop why)
{
	static const char *const what[] = {[STOP_BREAK] = "break", [STOP_START] = "break, sipi"};
	static char line[512]; /* the world stands still */
	const u64 *r = v->gpr;
	bool mine = world_is_mine(v);
	u32 n;

	world_stop(v);
	n = (u32)fmt(line, sizeof(line), "%s: cpu %u %04x:%" FMT64 "x", what[why], v->index,
		     (u32)backend->state_get(v, REG_SEG(SEG_CS, SEG_SEL)),
		     backend->state_get(v, REG_RIP));
	fmt(line + n, sizeof(line) - n,
	    " rax %" FMT64 "x rbx %" FMT64 "x rcx %" FMT64 "x rdx %" FMT64 "x rsi %" FMT64
	    "x rdi %" FMT64 "x rbp %" FMT64 "x rsp %" FMT64 "x r8 %" FMT64 "x r9 %" FMT64
	    "x r10 %" FMT64 "x r11 %" FMT64 "x r12 %" FMT64 "x r13 %" FMT64 "x r14 %" FMT64
	    "x r15 %" FMT64 "x rflags %" FMT64 "x cr3 %" FMT64 "x efer %" FMT64 "x",
	    r[GPR_RAX], r[GPR_RBX], r[GPR_RCX], r[GPR_RDX], r[GPR_RSI], r[GPR_RDI], r[GPR_RBP],
	    backend->state_get(v, REG_RSP), r[GPR_R8], r[GPR_R9], r[GPR_R10], r[GPR_R11],
	    r[GPR_R12], r[GPR_R13], r[GPR_R14], r[GPR_R15], backend->state_get(v, REG_RFLAGS),
	    backend->state_get(v, REG_CR3), backend->state_get(v, REG_EFER));
	say_line(line);
	for (u32 i = 0; i < cpu_count; i++) {
		struct cr_report cr = cr_report_of(v, i);

		n = (u32)fmt(line, sizeof(line), "break: ");
		cr_report_text(&cr, i, line + n, sizeof(line) - n);
		say_line(line);
	}
	if (!mine)
		world_go(v);
}
