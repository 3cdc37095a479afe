# SPDX-License-Identifier: MIT
# What a builder may want to change. Every line can be overridden: make CC=clang BUILD=out

CC    ?= gcc
BUILD ?= build

WARN := -Wall -Wextra -Werror -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wundef

# Freestanding C for code that runs on the bare machine: no FPU or vector registers (they are the
# guest's), no red zone (exceptions use the stack), no stack protector, no PIC.
FREESTANDING := -std=c11 -ffreestanding -fno-stack-protector -fno-pic -fno-pie -mno-red-zone \
	-mgeneral-regs-only -fno-asynchronous-unwind-tables -fno-strict-aliasing -fcf-protection=none \
	-ffunction-sections -fdata-sections -MMD -MP
