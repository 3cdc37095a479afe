/* SPDX-License-Identifier: MIT */
/* What userspace does to a CPU: registers are set to the values that they have. */
#include "tools/lab/vmm.h"

#include <string.h>
#include <sys/ioctl.h>

static const char *const names[DISTURBANCES] = {
	[NOTHING] = "none",	 [GET_SREGS] = "get",	[SET_SREGS] = "sregs",
	[SET_SREGS2] = "sregs2", [SYNC_SREGS] = "sync", [SMI] = "smi",
};

const char *disturbance_name(enum disturbance d)
{
	return names[d];
}

static void get(struct cpu *c, struct kvm_sregs *s)
{
	need_ioctl(c->fd, KVM_GET_SREGS, s, "KVM_GET_SREGS");
}

void disturb(struct cpu *c)
{
	struct kvm_sregs s;
	struct kvm_sregs2 s2;

	switch (opt.disturbance) {
	case GET_SREGS: get(c, &s); break;
	case SET_SREGS:
		get(c, &s);
		need_ioctl(c->fd, KVM_SET_SREGS, &s, "KVM_SET_SREGS");
		break;
	case SET_SREGS2:
		need_ioctl(c->fd, KVM_GET_SREGS2, &s2, "KVM_GET_SREGS2");
		need_ioctl(c->fd, KVM_SET_SREGS2, &s2, "KVM_SET_SREGS2");
		break;
	case SYNC_SREGS: /* carried out by the next KVM_RUN */
		get(c, &c->run->s.regs.sregs);
		c->run->kvm_dirty_regs |= KVM_SYNC_X86_SREGS;
		break;
	case SMI: need_ioctl(c->fd, KVM_SMI, NULL, "KVM_SMI"); break;
	default: return;
	}
	atomic_fetch_add(&c->stuffs, 1);
}
