/* SPDX-License-Identifier: MIT */
/*
 * Loads L1 as a multiboot loader does ("Multiboot Specification" 0.6.96, 3.2 and 3.3): an ELF64
 * image at its physical addresses, a module, the memory map. The test kernel takes only multiboot 2
 * ("Multiboot2 Specification" 2.0, 3.6), which is used for it.
 */
#include "tools/lab/vmm.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define INFO_AT	  0x9000
#define TEXT_AT	  0x9800 /* command lines of 1 KiB each, for multiboot 1 */
#define MODULE_AT 0x1000000
#define LOW_END	  0x9fc00
#define HIGH	  0x100000
#define RESERVED  2
#define RAM	  1

struct range {
	uint64_t base, bytes;
	uint32_t type;
} __attribute__((packed));

struct mb2_tag {
	uint32_t type, bytes;
};

enum { MB2_CMDLINE = 1, MB2_MODULE = 3, MB2_MMAP = 6, MB2_RSDP = 14 };

struct file {
	const uint8_t *bytes;
	size_t size;
};

static struct file map_file(const char *name)
{
	int fd = open(name, O_RDONLY);
	struct file f;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		die(name);
	f.size = (size_t)st.st_size;
	f.bytes = mmap(NULL, f.size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (f.bytes == MAP_FAILED)
		die(name);
	close(fd);
	return f;
}

static void load_elf(const char *name)
{
	struct file f = map_file(name);
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)f.bytes;
	const Elf64_Phdr *p = (const Elf64_Phdr *)(f.bytes + e->e_phoff);

	if (f.size < sizeof(*e) || memcmp(e->e_ident, ELFMAG, SELFMAG))
		die("L1 is no ELF file");
	vm.entry = e->e_entry;
	for (uint32_t i = 0; i < e->e_phnum; i++, p++) {
		if (p->p_type != PT_LOAD)
			continue;
		if (p->p_paddr + p->p_memsz > vm.bytes)
			die("L1 does not fit into memory");
		memcpy(vm.mem + p->p_paddr, f.bytes + p->p_offset, p->p_filesz);
		if (e->e_entry >= p->p_vaddr && e->e_entry < p->p_vaddr + p->p_memsz)
			vm.entry = e->e_entry - p->p_vaddr + p->p_paddr;
	}
}

static uint32_t load_module(void)
{
	struct file f = {NULL, 0};

	if (opt.module)
		f = map_file(opt.module);
	if (MODULE_AT + f.size > vm.bytes)
		die("the module does not fit into memory");
	memcpy(vm.mem + MODULE_AT, f.bytes, f.size);
	return (uint32_t)(MODULE_AT + f.size);
}

/* The firmware keeps its part of SMM from the system, where it is used. */
static const struct range *ranges(uint32_t *count)
{
	static struct range r[] = {
		{0, SMBASE, RAM},
		{SMBASE, SMM_BYTES, RESERVED},
		{SMBASE + SMM_BYTES, LOW_END - SMBASE - SMM_BYTES, RAM},
		{LOW_END, HIGH - LOW_END, RESERVED},
		{HIGH, 0, RAM},
	};

	*count = sizeof(r) / sizeof(*r);
	r[*count - 1].bytes = vm.bytes - HIGH;
	if (opt.disturbance != SMI)
		r[1].type = RAM;
	return r;
}

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

/* A copy of the text in the guest's memory; its address. */
static uint32_t put_text(const char *text, uint32_t slot)
{
	uint32_t at = TEXT_AT + slot * 1024;

	snprintf((char *)vm.mem + at, 1024, "%s", text);
	return at;
}

static void multiboot1(uint32_t module_end)
{
	uint8_t *info = vm.mem + INFO_AT, *at = info + 0x100;
	uint32_t count;
	const struct range *r = ranges(&count);

	put32(info, 0x4 | 0x40 | (opt.module ? 0x8 : 0)); /* command line, memory map, modules */
	put32(info + 16, put_text(opt.cmdline, 0));
	put32(info + 20, opt.module ? 1 : 0);
	put32(info + 24, INFO_AT + 0x80);
	put32(info + 0x80, MODULE_AT);
	put32(info + 0x84, module_end);
	put32(info + 0x88, put_text(opt.module_cmdline, 1));
	put32(info + 44, count * (4 + sizeof(*r)));
	put32(info + 48, INFO_AT + 0x100);
	for (uint32_t i = 0; i < count; i++, at += 4 + sizeof(*r)) {
		put32(at, sizeof(*r));
		memcpy(at + 4, &r[i], sizeof(*r));
	}
}

static uint8_t *put_tag(uint8_t *at, uint32_t type, uint32_t bytes)
{
	struct mb2_tag tag = {type, (uint32_t)sizeof(tag) + bytes};

	memcpy(at, &tag, sizeof(tag));
	return at + ((tag.bytes + 7) & ~7u);
}

static void multiboot2(void)
{
	uint8_t *info = vm.mem + INFO_AT, *at = info + 8, *body;
	uint32_t count, text = (uint32_t)strlen(opt.cmdline) + 1;
	const struct range *r = ranges(&count);

	memcpy(at + 8, opt.cmdline, text);
	at = put_tag(at, MB2_CMDLINE, text);
	body = at + 8;
	put32(body, 24);
	put32(body + 4, 0);
	for (uint32_t i = 0; i < count; i++)
		memcpy(body + 8 + i * 24, &r[i], sizeof(*r));
	at = put_tag(at, MB2_MMAP, 8 + count * 24);
	memcpy(at + 8, vm.mem + RSDP_AT, RSDP_BYTES);
	at = put_tag(at, MB2_RSDP, RSDP_BYTES);
	at = put_tag(at, 0, 0);
	put32(info, (uint32_t)(at - info));
}

void load(void)
{
	load_elf(opt.l1);
	acpi_build(vm.mem, opt.cpus);
	vm.info = INFO_AT;
	if (opt.module) {
		multiboot1(load_module());
	} else {
		multiboot2();
	}
	/* RSM is all that the SMI handler does */
	for (uint32_t i = 0; i < LAB_CPUS; i++) {
		vm.mem[SMBASE + i * SMBASE_STEP + 0x8000] = 0x0f;
		vm.mem[SMBASE + i * SMBASE_STEP + 0x8001] = 0xaa;
	}
}
