# SPDX-License-Identifier: MIT
# Programs for the host.

$(BUILD)/console: tools/console.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -g $(WARN) -o $@ $<

$(BUILD)/kallsyms: tools/kallsyms.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARN) -o $@ $<

ANALYZE_SRC := $(wildcard tools/analyze/*.c crmodel/*.c verdict/*.c lib/insn*.c) lib/fmt.c
$(BUILD)/lamina-analyze: $(ANALYZE_SRC) $(wildcard tools/analyze/*.h crmodel/*.h crmodel/*.def verdict/*.h lib/*.h) tools/tools.mk
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARN) -I. -Iinclude -o $@ $(filter %.c,$^)

TRACE_SRC := $(wildcard tools/trace/*.c) crmodel/crm.c crmodel/crm_rules.c
$(BUILD)/asan/lamina-trace: TRACE_CFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all
$(BUILD)/lamina-trace $(BUILD)/asan/lamina-trace: $(TRACE_SRC) tools/trace/trace.h include/hv/trace.h tools/trace/syscalls.def include/hv/exit_kinds.def tools/tools.mk
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARN) $(TRACE_CFLAGS) -I. -Iinclude -o $@ $(filter %.c,$^)
