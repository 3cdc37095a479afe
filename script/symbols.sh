#!/bin/sh
# SPDX-License-Identifier: MIT
# symbols.sh OUT <LIST: an ELF file for gdb with the symbols of a list as in System.map or /proc/kallsyms, and nothing
# else: of a kernel's own addresses, the top 2 GiB.
set -eu
out=$1
awk '
	BEGIN { print ".section .kernel, \"ax\", @nobits\nbase: .skip 0x7ff00000" }
	/^ffffffff[89a-f]/ && $3 ~ /^[A-Za-z_.$][A-Za-z0-9_.$]*$/ && $3 != "base" && !seen[$3]++ {
		printf ".set %s, base + 0x%s - 0x80000000\n", $3, substr($1, 9)
		printf ".type %s, @%s\n", $3, $2 ~ /[tTwW]/ ? "function" : "object"
		print ".globl " $3 # as drops local ones
		n++
	}
	END { exit !n }' >"$out.s"
as --64 -o "$out.o" "$out.s"
ld -m elf_x86_64 -e 0 --section-start=.kernel=0xffffffff80000000 -o "$out" "$out.o"
rm "$out.s" "$out.o"
