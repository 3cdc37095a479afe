/* SPDX-License-Identifier: MIT */
#include "testkernel/exec.h"
#include "testkernel/cpu.h"
#include "lib/string.h"

void exec_enter(struct trap_frame *f, u64 *saved_rsp);

static u64 code_address(const struct cpu *c, u32 cpl)
{
	return cpl ? user_address(c->code) : (uintptr_t)c->code;
}

u32 exec_bytes(struct exec *e, u32 cpl, const u8 *code, u32 size)
{
	static const u8 done[2] = {0xcd, VEC_DONE};
	struct cpu *c = this_cpu();
	u8 *stack_top = c->user_stack + STACK_SIZE;

	memcpy(c->code, code, size);
	memcpy(c->code + size, done, sizeof(done));
	e->size = size;
	e->f.rip = code_address(c, cpl);
	e->f.cs = cpl ? TK_UCODE : TK_CODE64;
	e->f.ss = cpl ? TK_UDATA : TK_DATA;
	e->f.rflags |= RFLAGS_FIXED;
	e->f.rsp = e->f.gpr[RSP];
	if (!e->f.rsp)
		e->f.rsp = cpl ? user_address(stack_top) : (uintptr_t)stack_top;
	c->exec = e;
	exec_enter(&e->f, &c->exec_rsp);
	e->f.rip -= code_address(c, cpl);
	return (u32)e->f.vector;
}

u32 exec(struct exec *e, u32 cpl, const struct snippet *s)
{
	return exec_bytes(e, cpl, s->code, s->size);
}

u64 exec_data(u32 cpl)
{
	return cpl ? user_address(this_cpu()->data) : (uintptr_t)this_cpu()->data;
}

u32 exec_acd(u32 cpl, const struct snippet *s, u64 rax, u64 rcx, u64 rdx)
{
	struct exec e = {.f.gpr[RAX] = rax, .f.gpr[RCX] = rcx, .f.gpr[RDX] = rdx};

	e.f.gpr[RDI] = e.f.gpr[RSI] = exec_data(cpl);
	return exec(&e, cpl, s);
}

bool try_rdmsr(u32 msr, u64 *v)
{
	struct exec e = {.f.gpr[RCX] = msr};
	bool ok = exec(&e, 0, &snip_rdmsr) == VEC_DONE;

	*v = ok ? (u32)e.f.gpr[RAX] | e.f.gpr[RDX] << 32 : 0;
	return ok;
}

bool try_wrmsr(u32 msr, u64 v)
{
	return exec_acd(0, &snip_wrmsr, (u32)v, msr, v >> 32) == VEC_DONE;
}
