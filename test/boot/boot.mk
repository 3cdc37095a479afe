# SPDX-License-Identifier: MIT
# The boot sectors that boot tests use as guests, each on a disk of one cylinder.

$(BUILD)/test/%.img: test/boot/%.S
	@mkdir -p $(@D)
	$(CC) -m32 -c -o $(BUILD)/test/$*.o $<
	objcopy -O binary -j .text $(BUILD)/test/$*.o $@
	truncate -s 516096 $@
