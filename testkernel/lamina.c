/* SPDX-License-Identifier: MIT */
#include "testkernel/lamina.h"
#include "testkernel/exec.h"

struct lamina_probe lamina_probe(void)
{
	struct exec e = {.f.gpr[RAX] = HC_PROBE};
	struct lamina_probe p = {.vector = exec(&e, 0, &snip_vmcall)};

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

bool lamina_info(enum hc_info item, u64 *v)
{
	struct exec e = {.f.gpr[RAX] = HC_INFO, .f.gpr[RCX] = item};

	if (exec(&e, 0, &snip_vmcall) != VEC_DONE || (u32)e.f.gpr[RAX])
		return false;
	*v = (u32)e.f.gpr[RBX] | e.f.gpr[RCX] << 32;
	return true;
}
