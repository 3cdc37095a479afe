# SPDX-License-Identifier: MIT
# The laboratory (doc/lab.md): what Debian's kernel runs as L0, and the guest that Lamina starts there as L2.

LAB := $(BUILD)/lab
LAB_VMM := $(wildcard tools/lab/*.c)
XP_CFLAGS := -m32 -march=i686 -O2 $(filter-out -MMD -MP,$(FREESTANDING)) $(WARN) -I.

.PHONY: lab
lab: $(LAB)/lab-vmm $(LAB)/xp.img $(LAB)/lamina32.elf

$(LAB)/lab-vmm: $(LAB_VMM) tools/lab/vmm.h
	@mkdir -p $(@D)
	$(MUSL_CC) -std=gnu11 -O2 -static $(filter-out -Wundef,$(WARN)) -I. -idirafter /usr/include \
		-idirafter /usr/include/x86_64-linux-gnu -o $@ $(LAB_VMM)
	strip $@

$(LAB)/xp.elf: guest/xp/entry.S guest/xp/xp.c guest/xp/xp.h guest/xp/xp.lds
	@mkdir -p $(@D)
	$(CC) $(XP_CFLAGS) -D__ASSEMBLER__ -c -o $(LAB)/xp-entry.o guest/xp/entry.S
	$(CC) $(XP_CFLAGS) -c -o $(LAB)/xp.o guest/xp/xp.c
	ld -m elf_i386 -z noexecstack --no-warn-rwx-segments -T guest/xp/xp.lds -o $@ $(LAB)/xp-entry.o $(LAB)/xp.o

# a bzImage is its setup sectors, and then the kernel
$(LAB)/xp.img: $(LAB)/xp.elf
	objcopy -O binary -j .setup $< $(LAB)/xp.setup
	objcopy -O binary -j .text -j .sequence $< $(LAB)/xp.kernel
	cat $(LAB)/xp.setup $(LAB)/xp.kernel >$@

# QEMU's -kernel takes 32-bit ELF only, and puts modules right behind the image: the same image, flat, with its .bss
$(LAB)/lamina32.elf: $(BUILD)/lamina.debug guest/lab-flat.lds
	@mkdir -p $(@D)
	objcopy -O binary --set-section-flags .bss=alloc,load,contents $< $(LAB)/lamina.bin
	cd $(LAB) && objcopy -I binary -O elf32-i386 -B i386 lamina.bin lamina.bin.o
	ld -m elf_i386 -z noexecstack --no-warn-rwx-segments -T guest/lab-flat.lds -o $@ $(LAB)/lamina.bin.o \
		--defsym=boot_entry=0x$$(nm $< | sed -n 's/^f*\([0-9a-f]*\) . boot_entry$$/\1/p')
