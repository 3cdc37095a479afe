# SPDX-License-Identifier: MIT
# The test kernel: build/testkernel.elf (multiboot2) and build/testkernel.iso, which boots as a CD and as
# a hard disk. TESTKERNEL_OPTIONS goes to its command line.

TESTKERNEL_OPTIONS ?=
TK_SRC := $(wildcard testkernel/*.c testkernel/cases/*.c testkernel/l1/*.c testkernel/fuzz/*.c crmodel/*.c) lib/fmt.c \
	lib/insn.c lib/insn_class.c lib/string.c lib/mem_map.c
TK_ASM := $(wildcard testkernel/*.S testkernel/cases/*.S testkernel/l1/*.S testkernel/fuzz/*.S)
TK_OBJ := $(TK_SRC:%.c=$(BUILD)/tk/%.o) $(TK_ASM:%.S=$(BUILD)/tk/%.S.o)
TK_CFLAGS := $(FREESTANDING) $(WARN) -m64 -mcmodel=small -O2 -g -I. -Iinclude
TK_LDFLAGS := -m64 -nostdlib -static -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 \
	-Wl,--build-id=none -Wl,--no-warn-rwx-segments

.PHONY: testkernel FORCE
testkernel: $(BUILD)/testkernel.elf $(BUILD)/testkernel.iso

$(BUILD)/tk/%.o: %.c Makefile config.mk testkernel/testkernel.mk
	@mkdir -p $(@D)
	$(CC) $(TK_CFLAGS) -c $< -o $@

$(BUILD)/tk/%.S.o: %.S Makefile config.mk testkernel/testkernel.mk
	@mkdir -p $(@D)
	$(CC) $(TK_CFLAGS) -D__ASSEMBLY__ -c $< -o $@

$(BUILD)/testkernel.elf: $(TK_OBJ) testkernel/testkernel.lds
	$(CC) $(TK_LDFLAGS) -T testkernel/testkernel.lds $(TK_OBJ) -o $@

# rewritten only when the options change, so that the ISO follows them
$(BUILD)/tk/options: FORCE
	@mkdir -p $(@D)
	@echo '$(TESTKERNEL_OPTIONS)' | cmp -s - $@ || echo '$(TESTKERNEL_OPTIONS)' > $@

$(BUILD)/testkernel.iso: $(BUILD)/testkernel.elf $(BUILD)/tk/options testkernel/testkernel.mk
	@rm -rf $(BUILD)/tk/iso
	@mkdir -p $(BUILD)/tk/iso/boot/grub
	objcopy --strip-all $< $(BUILD)/tk/iso/testkernel.elf
	printf '# SPDX-License-Identifier: MIT\nset timeout=0\nmenuentry testkernel {\n\tmultiboot2 /testkernel.elf $(TESTKERNEL_OPTIONS)\n}\n' \
		> $(BUILD)/tk/iso/boot/grub/grub.cfg
	grub-mkrescue -d /usr/lib/grub/i386-pc -o $@ $(BUILD)/tk/iso >/dev/null 2>&1

-include $(TK_OBJ:.o=.d)
