# SPDX-License-Identifier: MIT
# Programs for the host.

$(BUILD)/console: tools/console.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -g $(WARN) -o $@ $<
