/* SPDX-License-Identifier: MIT */
#include "boot/boot_guest_linux.h"

#include "boot/linux_image.h"
#include "core/core.h"
#include "core/layout.h"
#include "core/page.h"
#include "lib/string.h"

/* The zero page and, behind it, the command line: low, where no kernel of ours is ever put. The
 * kernel copies both early. */
#define PARAMS_PA  0x10000
#define CMDLINE_PA (PARAMS_PA + LINUX_PARAMS_BYTES)
#define PARAMS_END (CMDLINE_PA + PAGE_SIZE)

static struct linux_image image;

static struct linux_range module_range(u32 i)
{
	if (i >= machine.boot.module_count)
		return (struct linux_range){0, 0};
	return (struct linux_range){machine.boot.module[i].base, machine.boot.module[i].size};
}

static err_t place(struct linux_placement *at)
{
	static struct mem_map free;

	free = machine.guest_map;
	/* not where the loader put us either: without virtualization we still run there */
	if (!mem_map_set(&free, 0, MiB(1), E820_RESERVED) ||
	    !mem_map_set(&free, LOAD_PA, PAGE_2M, E820_RESERVED))
		return "the firmware's memory map has too many entries";
	return linux_place(&image, &free, module_range(0), module_range(1), at);
}

err_t boot_linux_check(void)
{
	struct linux_range kernel = module_range(0);
	struct linux_placement at;
	const void *bytes = phys_map(kernel.base, kernel.size);
	err_t err;

	if (!machine.boot.module_count)
		return "guest=linux needs a kernel as module 1";
	if (!bytes)
		return "module 1 lies beyond 4 GiB";
	if (!mem_map_is_ram(&machine.boot.map, PARAMS_PA, PARAMS_END - PARAMS_PA))
		return "no RAM for the kernel's parameters";
	err = linux_image_parse(bytes, kernel.size, &image);
	return err ? err : place(&at);
}

err_t boot_linux_load(struct low_linux *start)
{
	struct linux_range kernel = module_range(0);
	struct linux_params params = {.cmdline = CMDLINE_PA, .initrd = module_range(1)};
	struct linux_placement at;
	err_t err = place(&at);

	if (err)
		return err;
	if (params.initrd.size)
		memmove(phys_ptr(at.initrd_base), phys_ptr(params.initrd.base), params.initrd.size);
	params.initrd.base = at.initrd_base;
	params.kernel_base = at.kernel_base;
	memmove(phys_ptr(at.kernel_base), phys_ptr(kernel.base + image.setup_bytes),
		image.pm_bytes);
	memcpy(phys_ptr(CMDLINE_PA), machine.boot.module[0].cmdline,
	       sizeof(machine.boot.module[0].cmdline));
	if (!linux_params_fill(phys_ptr(PARAMS_PA), &image, &machine.guest_map, &params))
		return "the kernel's parameters do not fit";
	start->entry = (u32)at.kernel_base;
	start->params = PARAMS_PA;
	return OK;
}
