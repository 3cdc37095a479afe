/* SPDX-License-Identifier: MIT */
/*
 * Lamina answers hypercalls at CPL 0 only. This module executes one for a program that asks for it
 * by ioctl on /dev/lamina, on the CPU the program runs on, and survives the #UD of a bare machine.
 */
#include <linux/capability.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/kdebug.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <asm/apic.h>
#include <asm/asm.h>
#include <asm/processor.h>

#include "lamina_ioctl.h"
#include "hypercall.h"

struct regs {
	unsigned long ax, bx, cx, dx, si;
};

/* VMCALL or VMMCALL, by vendor. 0, or -EOPNOTSUPP when it is #UD. */
static int hypercall(struct regs *r)
{
	int err = 0;

	if (boot_cpu_data.x86_vendor == X86_VENDOR_AMD)
		asm volatile("1: vmmcall\n"
			     "	jmp 3f\n"
			     "2: mov %[nope], %[err]\n"
			     "3:\n" _ASM_EXTABLE(1b, 2b)
			     : [err] "+r"(err), "+a"(r->ax), "+b"(r->bx), "+c"(r->cx), "+d"(r->dx),
			       "+S"(r->si)
			     : [nope] "i"(-EOPNOTSUPP)
			     : "memory", "cc");
	else
		asm volatile("1: vmcall\n"
			     "	jmp 3f\n"
			     "2: mov %[nope], %[err]\n"
			     "3:\n" _ASM_EXTABLE(1b, 2b)
			     : [err] "+r"(err), "+a"(r->ax), "+b"(r->bx), "+c"(r->cx), "+d"(r->dx),
			       "+S"(r->si)
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

/* *to = value; false: #GP or #PF. */
static bool store(u8 *to, u8 value)
{
	bool ok = true;

	asm volatile("1: movb %[value], %[to]\n"
		     "	jmp 3f\n"
		     "2: movb $0, %[ok]\n"
		     "3:\n" _ASM_EXTABLE(1b, 2b)
		     : [ok] "+q"(ok), [to] "=m"(*to)
		     : [value] "q"(value)
		     : "memory");
	return ok;
}

/* At the start of a function, where ftrace may put a call: NOPL of five bytes, the last of which is
 * a displacement that no one looks at. */
static u8 *find_nop(u8 *function)
{
	static const u8 nop[] = {0x0f, 0x1f, 0x44, 0x00, 0x00};

	for (int i = 0; i < 8; i++)
		if (!memcmp(function + i, nop, sizeof(nop)))
			return function + i + sizeof(nop) - 1;
	return NULL;
}

static long try_text(void)
{
	u8 *at = find_nop((u8 *)kernel_power_off), *alias;
	unsigned long flags, cr0;
	bool ok;

	if (!at)
		return -ENODEV;
	alias = lm_alias(at);
	local_irq_save(flags);
	cr0 = read_cr0();
	ok = write_cr(0, cr0 & ~X86_CR0_WP) && store(alias, 0x4c) && *at == 0x4c && store(alias, 0);
	write_cr(0, cr0);
	local_irq_restore(flags);
	return ok ? 0 : -EPERM;
}

/* The data that is executed: ENDBR64; RET. */
static const u8 shellcode[] = {0xf3, 0x0f, 0x1e, 0xfa, 0xc3};
static void *data_page;
static bool data_refused;

/* #GP there: the call has not been. */
static int on_die(struct notifier_block *self, unsigned long why, void *arg)
{
	struct pt_regs *regs = ((struct die_args *)arg)->regs;

	if (why != DIE_GPF || !data_page || regs->ip != (unsigned long)data_page)
		return NOTIFY_DONE;
	data_refused = true;
	regs->ip = *(unsigned long *)regs->sp;
	regs->sp += sizeof(unsigned long);
	return NOTIFY_STOP;
}

static struct notifier_block die_notifier = {.notifier_call = on_die};

static void call_data(void)
{
	unsigned int level;
	pte_t *pte = lookup_address((unsigned long)data_page, &level);
	unsigned long flags;
	pteval_t old = pte->pte;

	local_irq_save(flags);
	data_refused = false;
	WRITE_ONCE(pte->pte, old & ~_PAGE_NX);
	asm volatile("invlpg (%0)" ::"r"(data_page) : "memory");
	((void (*)(void))data_page)();
	WRITE_ONCE(pte->pte, old);
	asm volatile("invlpg (%0)" ::"r"(data_page) : "memory");
	local_irq_restore(flags);
}

static long try_data(void)
{
	static DEFINE_MUTEX(one);
	long err = -ENOMEM;

	mutex_lock(&one);
	data_page = vmalloc(PAGE_SIZE);
	if (data_page) {
		memcpy(data_page, shellcode, sizeof(shellcode));
		register_die_notifier(&die_notifier);
		call_data();
		unregister_die_notifier(&die_notifier);
		err = data_refused ? -EPERM : 0;
		vfree(data_page);
		data_page = NULL;
	}
	mutex_unlock(&one);
	return err;
}

/* Eight bytes from or to there; false: a fault. */
static bool touch(u64 *at, struct lamina_touch *t)
{
	bool ok = true;

	if (t->how & LAMINA_TOUCH_WRITE)
		asm volatile("1: mov %[value], %[at]\n"
			     "	jmp 3f\n"
			     "2: movb $0, %[ok]\n"
			     "3:\n" _ASM_EXTABLE(1b, 2b)
			     : [ok] "+q"(ok), [at] "=m"(*at)
			     : [value] "r"(t->value)
			     : "memory");
	else
		asm volatile("1: mov %[at], %[value]\n"
			     "	jmp 3f\n"
			     "2: movb $0, %[ok]\n"
			     "3:\n" _ASM_EXTABLE(1b, 2b)
			     : [ok] "+q"(ok), [value] "+r"(t->value)
			     : [at] "m"(*at)
			     : "memory");
	return ok;
}

static long lamina_touch(void __user *arg)
{
	struct lamina_touch t;
	struct page *page;
	void *base;
	bool ok;

	if (copy_from_user(&t, arg, sizeof(t)))
		return -EFAULT;
	if (!t.phys || !pfn_valid(t.phys >> PAGE_SHIFT))
		return -ENXIO;
	page = pfn_to_page(t.phys >> PAGE_SHIFT);
	base = t.how & LAMINA_TOUCH_REMAP ? vmap(&page, 1, VM_MAP, PAGE_KERNEL)
					  : page_address(page);
	if (!base)
		return -ENOMEM;
	ok = touch(base + (t.phys & (PAGE_SIZE - 8)), &t);
	if (t.how & LAMINA_TOUCH_REMAP)
		vunmap(base);
	if (!ok)
		return -EPERM;
	return copy_to_user(arg, &t, sizeof(t)) ? -EFAULT : 0;
}

static long lamina_call(void __user *arg)
{
	struct lamina_call c;
	struct regs r;
	int err;

	if (copy_from_user(&c, arg, sizeof(c)))
		return -EFAULT;
	r = (struct regs){c.eax, c.ebx, c.ecx, c.edx, 0};
	c.cpu = get_cpu();
	err = hypercall(&r);
	put_cpu();
	if (err)
		return err;
	c.eax = r.ax;
	c.ebx = r.bx;
	c.ecx = r.cx;
	c.edx = r.dx;
	return copy_to_user(arg, &c, sizeof(c)) ? -EFAULT : 0;
}

/* To a page of the kernel's, which is there when Lamina writes to it. */
static long lamina_trace(void __user *arg)
{
	struct lamina_trace t;
	struct regs r;
	void *page;
	long err;

	BUILD_BUG_ON(LAMINA_TRACE_BYTES != PAGE_SIZE);
	if (copy_from_user(&t, arg, sizeof(t)))
		return -EFAULT;
	page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	r = (struct regs){HC_TRACE, t.cpu, t.at, (unsigned long)page, LAMINA_TRACE_BYTES / 64 - 1};
	err = hypercall(&r);
	if (!err && r.ax)
		err = -ERANGE;
	t.count = r.bx;
	t.at = r.cx;
	if (!err && (copy_to_user((void __user *)(unsigned long)t.to, page, PAGE_SIZE) ||
		     copy_to_user(arg, &t, sizeof(t))))
		err = -EFAULT;
	free_page((unsigned long)page);
	return err;
}

static void mute(void *unused)
{
	apic->write(APIC_LVTT, APIC_LVT_MASKED);
}

/* The page is among the first 64 KiB, which Linux leaves alone. */
static void take_away(unsigned long cpu)
{
	static const u8 halt[] = {0xfa, 0xf4, 0xeb, 0xfd}; /* cli; hlt; jmp to hlt */
	const unsigned int page = 8;
	unsigned long flags;

	memcpy(phys_to_virt(page << PAGE_SHIFT), halt, sizeof(halt));
	local_irq_save(flags);
	mdelay(10); /* it is back from the interrupt of mute */
	apic->icr_write(APIC_INT_ASSERT | APIC_DM_INIT, per_cpu(x86_cpu_to_apicid, cpu));
	mdelay(10);
	apic->icr_write(APIC_INT_ASSERT | APIC_DM_STARTUP | page, per_cpu(x86_cpu_to_apicid, cpu));
	local_irq_restore(flags);
}

/* No tick may have the CPU in the kernel when the INIT comes: it could hold a lock. What waits for
 * all CPUs, as the release of a loaded module's init memory, has to be done before. */
static long lamina_init(unsigned long cpu)
{
	long err;

	if (cpu >= nr_cpu_ids)
		return -EINVAL;
	flush_scheduled_work();
	err = cpu == get_cpu() ? -EBUSY : smp_call_function_single(cpu, mute, NULL, 1);
	if (!err)
		take_away(cpu);
	put_cpu();
	return err;
}

static long lamina_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (cmd == LAMINA_TRY)
		return lamina_try((void __user *)arg);
	if (cmd == LAMINA_TRY_TEXT)
		return try_text();
	if (cmd == LAMINA_TRY_DATA)
		return try_data();
	if (cmd == LAMINA_TOUCH)
		return lamina_touch((void __user *)arg);
	if (cmd == LAMINA_TRACE)
		return lamina_trace((void __user *)arg);
	if (cmd == LAMINA_INIT)
		return lamina_init(arg);
	return cmd == LAMINA_CALL ? lamina_call((void __user *)arg) : -ENOTTY;
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
