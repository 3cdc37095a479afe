/* SPDX-License-Identifier: MIT */
#include "testkernel/lamina.h"
#include "testkernel/asm.h"

/* "Auth", of "AuthenticAMD" */
#define AMD_EBX 0x68747541

bool lamina_amd(void)
{
	return cpuid(0, 0).ebx == AMD_EBX;
}

u32 lamina_call(struct exec *e, u32 cpl)
{
	return exec(e, cpl, lamina_amd() ? &snip_vmmcall : &snip_vmcall);
}

struct lamina_probe lamina_probe(void)
{
	struct exec e = {.f.gpr[RAX] = HC_PROBE};
	struct lamina_probe p = {.vector = lamina_call(&e, 0)};

	p.present = p.vector == VEC_DONE && (u32)e.f.gpr[RAX] == HC_PROBE_ANSWER;
	p.version = (u32)e.f.gpr[RBX];
	p.cpu = (u32)e.f.gpr[RCX];
	p.cpus = (u32)e.f.gpr[RDX];
	return p;
}

bool lamina_here(void)
{
	return lamina_probe().present;
}

static bool get(u32 function, u32 cpu, u32 item, u64 *v)
{
	struct exec e = {.f.gpr[RAX] = function, .f.gpr[RBX] = cpu, .f.gpr[RCX] = item};

	if (lamina_call(&e, 0) != VEC_DONE || (u32)e.f.gpr[RAX])
		return false;
	*v = (u32)e.f.gpr[RBX] | e.f.gpr[RCX] << 32;
	return true;
}

bool lamina_info(enum hc_info item, u64 *v)
{
	return get(HC_INFO, 0, item, v);
}

bool lamina_cr(enum hc_cr item, u64 *v)
{
	return get(HC_CR, 0, item, v);
}

bool lamina_own(u32 cr, u64 mask)
{
	struct exec e = {.f.gpr[RAX] = HC_CR_OWN,
			 .f.gpr[RCX] = cr,
			 .f.gpr[RBX] = (u32)mask,
			 .f.gpr[RDX] = mask >> 32};

	return lamina_call(&e, 0) == VEC_DONE && !(u32)e.f.gpr[RAX];
}

bool lamina_verdict(u32 cr, u64 read, u32 *verdict)
{
	struct exec e = {.f.gpr[RAX] = HC_VERDICT,
			 .f.gpr[RCX] = cr,
			 .f.gpr[RBX] = (u32)read,
			 .f.gpr[RDX] = read >> 32};

	if (lamina_call(&e, 0) != VEC_DONE || (u32)e.f.gpr[RAX])
		return false;
	*verdict = (u32)e.f.gpr[RBX];
	return true;
}

bool lamina_stats(u32 cpu, u32 kind, u64 *v)
{
	return get(HC_STATS, cpu, kind, v);
}
