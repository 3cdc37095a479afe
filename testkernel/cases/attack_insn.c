/* SPDX-License-Identifier: MIT */
/* The instructions of VT-x and GETSEC in every mode and ring: #UD, as with CR4.VMXE and SMXE clear
 * (Intel SDM vol. 3C, chapter 31; vol. 2D, GETSEC). AMD-V's are the group svm's. And string I/O
 * that VT-x has exit whatever the bitmap says. */
#include "testkernel/cases/attack.h"
#include "testkernel/cases/model.h"
#include "testkernel/lamina.h"
#include "testkernel/tap.h"

static const u32 insns[] = {
	0xc1,	  /* VMCALL, with a number in EAX that is no call of Lamina's */
	0xc2,	  /* VMLAUNCH */
	0xc3,	  /* VMRESUME */
	0xc4,	  /* VMXOFF */
	0xd4,	  /* VMFUNC */
	0x3790,	  /* GETSEC, and a NOP */
	0x78c0,	  /* VMREAD */
	0x79c0,	  /* VMWRITE */
	0xc730,	  /* VMPTRLD */
	0xc738,	  /* VMPTRST */
	0x66c730, /* VMCLEAR */
	0xf3c730, /* VMXON */
};

static struct crp programs[MAX_CPUS];

static void run(void *unused)
{
	struct crp *p = &programs[this_cpu()->index];
	struct model_tally *t = &model_tally[this_cpu()->index];
	struct crm_cpu base;
	struct crp_wrong w;

	(void)unused;
	if (model_job.filled) /* bare, VMXE would be among the bits that are set */
		return;
	crp_init(p);
	base = model_base(p, model_job.mode, false);
	t->stuck |= !crp_route(p, &base);
	for (u32 i = 0; i < ARRAY_SIZE(insns); i++) {
		struct crp_step s = {.kind = CRP_SVM, .ring = model_job.ring, .value = insns[i]};

		t->done += crp_add(p, &s);
	}
	if (!crp_run(p, &w))
		model_wrong(t, p, &w);
}

/* It ends, and where Lamina cannot let it run it is #GP. */
static void string_io(void *unused)
{
	static const struct snippet *const ops[] = {&snip_outsd, &snip_insd, &snip_rep_outsw};

	(void)unused;
	for (u32 i = 0; i < ARRAY_SIZE(ops); i++)
		for (u32 port = 0xfff8; port <= 0xffff; port++) {
			u64 at = (uintptr_t)this_cpu()->data;
			struct exec e = {
				.f.gpr = {[RDX] = port, [RSI] = at, [RDI] = at, [RCX] = 2}};
			u32 end = port + (ops[i] == &snip_rep_outsw ? 2 : 4);
			bool exits = end > 0x10000 && lamina_here() && !lamina_amd();

			check(exec(&e, 0, ops[i]) == (exits ? VECTOR_GP : VEC_DONE),
			      "%u, port %x: vector %u", i, port, (u32)e.f.vector);
		}
}

static void in_ring(u8 ring, const char *name)
{
	u32 n = model_in_modes(ring, run, name);

	tap("%s: %u instructions of VT-x in all modes are #UD", name, n);
}

void attack_insns(void)
{
	on_each_cpu(string_io, NULL);
	tap("string I/O ends where the ports end");
	crx_init();
	in_ring(CRX_KERNEL, "CPL 0");
	in_ring(CRX_CPL3, "CPL 3");
	in_ring(CRX_V86, "virtual-8086 mode");
}
