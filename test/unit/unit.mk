# SPDX-License-Identifier: MIT
# make unit: the host tests, with sanitizers, for 64 and for 32 bit. SEED=n repeats the random ones.

GDB_PURE := $(patsubst %,hypapp/gdb/%.c,packet option step_class)
UNIT_SRC := $(filter-out lib/string.c,$(wildcard lib/*.c crmodel/*.c verdict/*.c)) boot/boot_mb.c \
	boot/linux_image.c core/options.c core/option_cr.c $(GDB_PURE) $(filter-out %/main.c,$(wildcard tools/analyze/*.c tools/trace/*.c))
UNIT_TEST := $(patsubst test/unit/%.c,%,$(wildcard test/unit/test_*.c))
# code of the low page needs a CPU to run on
UNIT_LOW := test_boot_low test_boot_drive
UNIT_SKIPPED := $(if $(wildcard /usr/include/unicorn/unicorn.h),,$(UNIT_LOW))
UNIT_TEST := $(filter-out $(UNIT_SKIPPED),$(UNIT_TEST))
# capstone is at hand for 64 bit only; vmx/ and the per-CPU data are 64-bit
UNIT_64_ONLY := test_guard test_step test_syscalls test_rights test_wx test_svm_check test_svm_cr test_svm_decode test_svm_event test_svm_npt test_svm_state test_trap test_insn_capstone test_slat test_gmem test_vmx_check test_vmx_cr test_vmx_event \
	test_sipi test_sipi_trap test_mp test_exits test_exit_port test_exit_shutdown test_exit_cr test_cr_judge test_exit_slat test_trace test_iommu test_hypapp test_watch $(UNIT_LOW)
UNIT_TEST_32 := $(filter-out $(UNIT_64_ONLY),$(UNIT_TEST))
UNIT_BIN := $(UNIT_TEST:%=$(BUILD)/unit/64/%) $(UNIT_TEST_32:%=$(BUILD)/unit/32/%)

# A kernel that runs no 32-bit programs leaves them to QEMU, which has no place for ASan's shadow memory.
UNIT_RUN_32 := $(shell /lib/ld-linux.so.2 --version >/dev/null 2>&1 || echo qemu-i386)
UNIT_SANITIZE_64 := address,undefined
UNIT_SANITIZE_32 := $(if $(UNIT_RUN_32),undefined,$(UNIT_SANITIZE_64))
UNIT_CFLAGS := -std=c11 -D_DEFAULT_SOURCE -O1 -g $(WARN) -Itest/unit/fake -I. -Iinclude -Itest/unit -MMD -MP \
	-fno-sanitize-recover=all -fno-omit-frame-pointer
UNIT_LIBS := -pthread
# the functions of string.c under names of their own, so that libc's stay what the tests compare with
UNIT_STRING := -ffreestanding -fno-sanitize=alignment $(foreach f,memcpy memmove memset memcmp strlen \
	strcmp strncmp strchr,-D$(f)=hv_$(f))

.PHONY: unit
unit: $(UNIT_BIN)
	$(if $(UNIT_SKIPPED),@echo 'SKIP $(UNIT_SKIPPED): libunicorn-dev is not installed')
	@sh test/unit/run.sh $(UNIT_BIN)

# $(1): 64 or 32, $(2): flags for it
define UNIT_RULES
$(BUILD)/unit/$(1)/lib/string.o: lib/string.c
	@mkdir -p $$(@D)
	$$(CC) -m$(1) $(2) $$(UNIT_CFLAGS) $(UNIT_STRING) -c $$< -o $$@

$(BUILD)/unit/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(CC) -m$(1) $(2) $$(UNIT_CFLAGS) -c $$< -o $$@

$(BUILD)/unit/$(1)/under_test.a: $(UNIT_SRC:%.c=$(BUILD)/unit/$(1)/%.o) $(BUILD)/unit/$(1)/lib/string.o \
		$(BUILD)/unit/$(1)/test/unit/fake/insn.o \
		test/unit/unit.mk
	rm -f $$@ && ar rcs $$@ $$(filter %.o,$$^)
endef
$(eval $(call UNIT_RULES,64,-fsanitize=$(UNIT_SANITIZE_64)))
$(eval $(call UNIT_RULES,32,-fsanitize=$(UNIT_SANITIZE_32) -Itest/unit/shim))

$(BUILD)/unit/64/test_insn_capstone: UNIT_LIBS += -lcapstone

$(BUILD)/unit/64/test_slat $(BUILD)/unit/64/test_rights: $(patsubst %,$(BUILD)/unit/64/%.o,vmx/vmx_ept hypapp/service/rights)
$(BUILD)/unit/64/test_gmem: $(BUILD)/unit/64/core/gmem.o

$(BUILD)/unit/64/test_vmx_check: UNIT_LIBS += -Wl,--wrap=fmt_va
$(BUILD)/unit/64/test_vmx_check: $(patsubst %.c,$(BUILD)/unit/64/%.o,core/check.c $(wildcard vmx/vmx_check*.c))

$(BUILD)/unit/64/test_vmx_cr: $(BUILD)/unit/64/vmx/vmx_cr.o
$(BUILD)/unit/64/test_vmx_event: $(BUILD)/unit/64/vmx/vmx_event.o $(BUILD)/unit/64/vmx/vmx_decode.o
$(BUILD)/unit/64/test_svm_check: $(patsubst %,$(BUILD)/unit/64/%.o,core/check svm/svm_check)
$(BUILD)/unit/64/test_svm_cr: $(BUILD)/unit/64/svm/svm_cr.o
$(BUILD)/unit/64/test_svm_decode: $(patsubst %,$(BUILD)/unit/64/svm/svm_%.o,decode run)
$(BUILD)/unit/64/test_svm_event: $(BUILD)/unit/64/svm/svm_event.o
$(BUILD)/unit/64/test_svm_npt: $(BUILD)/unit/64/svm/svm_npt.o
$(BUILD)/unit/64/test_svm_state: $(patsubst %,$(BUILD)/unit/64/svm/svm_%.o,caps npt setup state)
$(BUILD)/unit/64/test_trap: $(BUILD)/unit/64/core/trap.o
$(BUILD)/unit/64/test_exits: $(patsubst %,$(BUILD)/unit/64/core/%.o,exit_msr mtrr)
$(BUILD)/unit/64/test_exit_shutdown: $(BUILD)/unit/64/core/exit_shutdown.o
$(BUILD)/unit/64/test_exit_port: $(BUILD)/unit/64/core/exit_port.o
$(BUILD)/unit/64/test_trace: $(patsubst %,$(BUILD)/unit/64/%.o,core/panic_trace core/trace hypapp/service/trace_call)
$(patsubst %,$(BUILD)/unit/64/test_%,guard hypapp watch): $(patsubst %,$(BUILD)/unit/64/hypapp/service/%.o,guard hook timer watch)
$(BUILD)/unit/64/test_iommu: $(BUILD)/unit/64/iommu/iommu.o
$(BUILD)/unit/64/test_exit_slat: $(BUILD)/unit/64/core/exit_slat.o
$(BUILD)/unit/64/test_exit_cr $(BUILD)/unit/64/test_cr_judge: $(patsubst %,$(BUILD)/unit/64/core/%.o,exit_cr cr_judge)

# its variables lie where the code is short, not where C would have them
$(BUILD)/unit/64/boot/boot_low.o: UNIT_CFLAGS += -fno-sanitize=alignment
$(BUILD)/unit/64/boot/boot_low.S.o: boot/boot_low.S
	@mkdir -p $(@D)
	$(CC) -m64 -fsanitize=$(UNIT_SANITIZE_64) $(UNIT_CFLAGS) -D__ASSEMBLY__ -c $< -o $@
$(UNIT_LOW:%=$(BUILD)/unit/64/%): UNIT_LIBS += -lunicorn
$(UNIT_LOW:%=$(BUILD)/unit/64/%): $(BUILD)/unit/64/boot/boot_low.o $(BUILD)/unit/64/boot/boot_low.S.o

$(BUILD)/unit/64/test_%: $(BUILD)/unit/64/test/unit/test_%.o $(BUILD)/unit/64/under_test.a
	$(CC) -m64 -fsanitize=$(UNIT_SANITIZE_64) $(UNIT_CFLAGS) $(filter %.o,$^) $(filter %.a,$^) -lcmocka $(UNIT_LIBS) -o $@

$(BUILD)/unit/32/test_%: $(BUILD)/unit/32/test/unit/test_%.o $(BUILD)/unit/32/under_test.a
	$(CC) -m32 -fsanitize=$(UNIT_SANITIZE_32) $(UNIT_CFLAGS) $^ $(UNIT_LIBS) -o $@

.SECONDARY: $(UNIT_TEST:%=$(BUILD)/unit/64/test/unit/%.o) $(UNIT_TEST_32:%=$(BUILD)/unit/32/test/unit/%.o)

-include $(wildcard $(BUILD)/unit/*/*/*.d $(BUILD)/unit/*/*/*/*.d)
