/* SPDX-License-Identifier: MIT */
/* The instructions of VT-x and GETSEC in every mode and ring: #UD, as with CR4.VMXE and SMXE clear
 * (Intel SDM vol. 3C, chapter 31; vol. 2D, GETSEC). AMD-V's are the group svm's. */
#include "testkernel/cases/attack.h"
#include "testkernel/cases/model.h"
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

static void in_ring(u8 ring, const char *name)
{
	u32 n = model_in_modes(ring, run, name);

	tap("%s: %u instructions of VT-x in all modes are #UD", name, n);
}

void attack_insns(void)
{
	crx_init();
	in_ring(CRX_KERNEL, "CPL 0");
	in_ring(CRX_CPL3, "CPL 3");
	in_ring(CRX_V86, "virtual-8086 mode");
}
