# SPDX-License-Identifier: MIT
# make check: what can be told without running anything.

.PHONY: check
check: export HV_CFLAGS := $(filter-out -MMD -MP,$(HV_CFLAGS))
check:
	@rc=0; for c in layers twins headers sizes format rules mutants; do sh script/check-$$c || rc=1; done; exit $$rc
