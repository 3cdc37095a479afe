# SPDX-License-Identifier: MIT
# The boot sector that boot tests use as a guest, on a disk of one cylinder.

$(BUILD)/test/alive.img: test/boot/alive.S
	@mkdir -p $(@D)
	$(CC) -m32 -c -o $(BUILD)/test/alive.o $<
	objcopy -O binary -j .text $(BUILD)/test/alive.o $@
	truncate -s 516096 $@
