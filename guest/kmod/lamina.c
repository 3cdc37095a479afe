/* SPDX-License-Identifier: MIT */
/*
 * Lamina answers hypercalls at CPL 0 only. This module executes one for a program that asks for it
 * by ioctl on /dev/lamina, on the CPU the program runs on, and survives the #UD of a bare machine.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include <asm/asm.h>
#include <asm/processor.h>

#include "lamina_ioctl.h"

/* VMCALL or VMMCALL, by vendor. 0, or -EOPNOTSUPP when it is #UD. */
static int hypercall(struct lamina_call *c)
{
	int err = 0;

	if (boot_cpu_data.x86_vendor == X86_VENDOR_AMD)
		asm volatile("1: vmmcall\n"
			     "	jmp 3f\n"
			     "2: mov %[nope], %[err]\n"
			     "3:\n" _ASM_EXTABLE(1b, 2b)
			     : [err] "+r"(err), "+a"(c->eax), "+b"(c->ebx), "+c"(c->ecx),
			       "+d"(c->edx)
			     : [nope] "i"(-EOPNOTSUPP)
			     : "memory", "cc");
	else
		asm volatile("1: vmcall\n"
			     "	jmp 3f\n"
			     "2: mov %[nope], %[err]\n"
			     "3:\n" _ASM_EXTABLE(1b, 2b)
			     : [err] "+r"(err), "+a"(c->eax), "+b"(c->ebx), "+c"(c->ecx),
			       "+d"(c->edx)
			     : [nope] "i"(-EOPNOTSUPP)
			     : "memory", "cc");
	return err;
}

/* A value into CR0 or CR4; false: #GP. */
static bool write_cr(unsigned int cr, unsigned long value)
{
	bool ok = true;

	if (cr == 0)
		asm volatile("1: mov %[value], %%cr0\n"
			     "	jmp 3f\n"
			     "2: movb $0, %[ok]\n"
			     "3:\n" _ASM_EXTABLE(1b, 2b)
			     : [ok] "+q"(ok)
			     : [value] "r"(value)
			     : "memory");
	else
		asm volatile("1: mov %[value], %%cr4\n"
			     "	jmp 3f\n"
			     "2: movb $0, %[ok]\n"
			     "3:\n" _ASM_EXTABLE(1b, 2b)
			     : [ok] "+q"(ok)
			     : [value] "r"(value)
			     : "memory");
	return ok;
}

static bool try_cr(const struct lamina_try *t)
{
	unsigned long old = t->where ? __read_cr4() : read_cr0();

	return write_cr(t->where, old & ~BIT(t->bit)) && write_cr(t->where, old);
}

static bool try_msr(u32 msr)
{
	u64 old;

	return !rdmsrl_safe(msr, &old) && !wrmsrl_safe(msr, old ^ 0x1000) && !wrmsrl_safe(msr, old);
}

static long lamina_try(const void __user *arg)
{
	struct lamina_try t;
	unsigned long flags;
	bool ok;

	if (copy_from_user(&t, arg, sizeof(t)))
		return -EFAULT;
	if (t.bit > 31)
		return -EINVAL;
	local_irq_save(flags);
	ok = t.where == 0 || t.where == 4 ? try_cr(&t) : try_msr(t.where);
	local_irq_restore(flags);
	return ok ? 0 : -EPERM;
}

static long lamina_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct lamina_call c;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (cmd == LAMINA_TRY)
		return lamina_try((void __user *)arg);
	if (cmd != LAMINA_CALL)
		return -ENOTTY;
	if (copy_from_user(&c, (void __user *)arg, sizeof(c)))
		return -EFAULT;
	c.cpu = get_cpu();
	err = hypercall(&c);
	put_cpu();
	if (!err && copy_to_user((void __user *)arg, &c, sizeof(c)))
		return -EFAULT;
	return err;
}

static const struct file_operations lamina_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = lamina_ioctl,
};

static struct miscdevice lamina_dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "lamina",
	.fops = &lamina_fops,
	.mode = 0600,
};

module_misc_device(lamina_dev);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Hypercalls to the Lamina hypervisor");
