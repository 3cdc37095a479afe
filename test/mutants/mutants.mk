# SPDX-License-Identifier: MIT
# The mutants that unit tests catch within a minute; ./lamina test mutants has them all.

.PHONY: mutants-model
mutants-model:
	@./lamina test mutants 'model-*'
