# SPDX-License-Identifier: MIT
# make fuzz: each target for FUZZ_SECONDS, keeping what it finds in FUZZ_CORPUS.
# make fuzz-short: the same runs every time, under a minute in all.

FUZZ_SECONDS ?= 60
FUZZ_CORPUS  ?= $(BUILD)/fuzz/corpus
FUZZ_RUNS    := 100000

FUZZ_CC := clang
FUZZ_SRC := $(filter-out lib/string.c,$(wildcard lib/*.c crmodel/*.c verdict/*.c)) boot/boot_mb.c boot/linux_image.c \
	core/options.c core/option_cr.c $(patsubst %,hypapp/gdb/%.c,packet option step_class) $(filter-out %/main.c,$(wildcard tools/analyze/*.c tools/trace/*.c))
FUZZ_OBJ := $(FUZZ_SRC:%.c=$(BUILD)/fuzz/%.o) $(BUILD)/fuzz/lib/string.o
FUZZ_BIN := $(patsubst test/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard test/fuzz/fuzz_*.c))

FUZZ_CFLAGS := -std=c11 -O1 -g $(WARN) -I. -Iinclude -Itest/fuzz -MMD -MP \
	-fsanitize=address,undefined -fno-sanitize-recover=all

.PHONY: fuzz fuzz-short
fuzz: $(FUZZ_BIN)
	@sh test/fuzz/run.sh $(FUZZ_CORPUS) -max_total_time=$(FUZZ_SECONDS) -- $(FUZZ_BIN)

fuzz-short: $(FUZZ_BIN)
	@sh test/fuzz/run.sh '' "-seed=1 -runs=$(FUZZ_RUNS)" -- $(FUZZ_BIN)

$(BUILD)/fuzz/lib/string.o: lib/string.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link $(UNIT_STRING) -c $< -o $@

$(BUILD)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -c $< -o $@

$(BUILD)/fuzz/fuzz_%: $(BUILD)/fuzz/test/fuzz/fuzz_%.o $(FUZZ_OBJ)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer $^ -o $@

.SECONDARY: $(FUZZ_OBJ) $(FUZZ_BIN:$(BUILD)/fuzz/%=$(BUILD)/fuzz/test/fuzz/%.o)

-include $(wildcard $(BUILD)/fuzz/*/*.d $(BUILD)/fuzz/*/*/*.d)
