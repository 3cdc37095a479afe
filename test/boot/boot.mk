# SPDX-License-Identifier: MIT
# The boot sectors that boot tests use as guests, each on a disk of one cylinder.

$(BUILD)/test/%.img: test/boot/%.S
	@mkdir -p $(@D)
	$(CC) -m32 -c -o $(BUILD)/test/$*.o $<
	objcopy -O binary -j .text $(BUILD)/test/$*.o $@
	truncate -s 516096 $@

$(BUILD)/test/ntldr: test/boot/ntldr.S $(BUILD)/test/alive.img
	$(CC) -m32 -c -o $@.o $<
	objcopy -O binary -j .text $@.o $@
	head -c 512 $(BUILD)/test/alive.img >>$@

$(BUILD)/test/mach: test/boot/mach.S
	@mkdir -p $(@D)
	$(CC) -m32 -c -o $@.o $<
	ld -m elf_i386 -o $@ $@.o
