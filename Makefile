# SPDX-License-Identifier: MIT
# Builds the hypervisor and everything that is tested with it. `make help` lists the targets.

# make's own default for CC is cc; config.mk decides instead
ifeq ($(origin CC),default)
undefine CC
endif
include config.mk

HV_SRC := $(wildcard lib/*.c crmodel/*.c verdict/*.c vmx/*.c svm/*.c core/*.c iommu/*.c boot/*.c hypapp/*.c hypapp/*/*.c)
# make BUILD=... INJECT=1: the test build that disturbs CR0 and CR4 behind Lamina's back
ifdef INJECT
HV_SRC := $(filter-out hypapp/list.c,$(HV_SRC)) $(wildcard test/inject/*.c)
INJECT_FLAGS := -DOPTIONS_MORE='"test/inject/options.def"'
endif
HV_ASM := $(wildcard vmx/*.S svm/*.S core/*.S boot/*.S)
HV_OBJ := $(HV_SRC:%.c=$(BUILD)/hv/%.o) $(HV_ASM:%.S=$(BUILD)/hv/%.S.o)

# Whole-program optimization takes a fifth off the cost of an exit; clang would need another linker for it.
LTO := $(if $(findstring clang,$(CC)),,-flto=auto -flto-partition=one)
HV_CFLAGS := $(FREESTANDING) $(WARN) -m64 -mcmodel=kernel -O2 -g -I. -Iinclude $(INJECT_FLAGS)
HV_LDFLAGS := $(HV_CFLAGS) $(LTO) -m64 -nostdlib -static -Wl,--gc-sections -Wl,-z,noexecstack \
	-Wl,-z,max-page-size=4096 -Wl,--build-id=none -Wl,--no-warn-rwx-segments

# One short line per file; make V=1 shows the commands.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-4s %s\n' '$1' '$2')

.PHONY: all help clean
all: $(BUILD)/lamina.elf

help:
	@echo 'all          the hypervisor, $(BUILD)/lamina.elf (stripped; .debug beside it)'
	@echo 'unit fuzz    the host tests       testkernel  the test kernel'
	@echo 'check        layers, headers, sizes, formats'
	@echo 'clean        remove $(BUILD)'

$(BUILD)/hv/%.o: %.c Makefile config.mk
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(HV_CFLAGS) $(LTO) -c $< -o $@

$(BUILD)/hv/%.S.o: %.S Makefile config.mk
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC) $(HV_CFLAGS) $(LTO) -D__ASSEMBLY__ -c $< -o $@

$(BUILD)/lamina.debug: $(HV_OBJ) boot/lamina.lds
	$(call say,LD,$@)
	$(Q)$(CC) $(HV_LDFLAGS) -T boot/lamina.lds $(HV_OBJ) -o $@

$(BUILD)/lamina.elf: $(BUILD)/lamina.debug
	$(Q)objcopy --strip-all $< $@

clean:
	rm -rf $(BUILD)

-include $(HV_OBJ:.o=.d)
-include $(wildcard */*.mk test/*/*.mk)
