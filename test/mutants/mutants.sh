# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034,SC2154 # variables of script/lib/boot.sh and of the caller
# What script/lamina-mutants.sh and run-mutant share. $mutants is the folder that everything is made in:
#   tree/ the unchanged sources, built; slot-N/ a copy that mutants are built in; image/ the test kernel's
#   disks; plain/SPEC/ runs without a mutant; run/NAME/ those with one; result/NAME how it ended
# A boot is written SPEC: the group of the test kernel, then perhaps a colon and options of Lamina with
# commas between.

mutants=$top/build/mutants
model=corei7_skylake_x cpus=2 memory=128 rom='' ignore_bad_msrs=0
build=$mutants/tree/build
wall=600 # s that an emulation may take on the most loaded machine; mutants that hang meet a limit in ticks first

# Stops at $ticks, and where the machine faults for good.
bochs_commands() {
	printf 'sb %s\nc\nq\n' "$ticks"
}

# boot_plain DIR GROUP: the test kernel bare
boot_plain() {
	ln -f "$mutants/image/$2.img" "$1/testkernel.img"
	cd='' hd=$1/testkernel.img
	emulate "$1" "$wall"
}

# boot_lamina DIR SPEC ELF: the test kernel on the Lamina in ELF
boot_lamina() {
	options=$(echo "$2" | sed -n 's/^[^:]*://p' | tr , ' ')
	ln -f "$mutants/image/${2%%:*}.img" "$1/testkernel.img"
	{
		grub_head
		echo "multiboot2 /lamina.elf guest=bios drive=hd0 sipi=hold $options"
		printf 'module2 (hd0)+1\nboot\n'
	} >"$1/lamina.cfg"
	grub_image "$1/lamina.img" "$1/lamina.cfg" "lamina.elf=$3"
	cd=$1/lamina.img hd=$1/testkernel.img
	emulate "$1" "$wall"
}

# ticks_of DIR: when the machine ended
ticks_of() {
	sed -n 's/^(0)\.\[\([0-9]*\)\].*/\1/p' "$1/bochs.txt" | tail -n 1
}

# cases_of DIR: what must be equal
cases_of() {
	grep -E '^(ok|not ok|Bail|1\.\.)' "$1/serial.txt" || true
}

# verdict DIR SPEC: on stdout what is wrong with a run on Lamina, in one line; nothing if all is well
verdict() {
	cases_of "$mutants/plain/$2/bare" >"$1/due"
	cases_of "$1" >"$1/lines"
	first=$(grep -vxF -f "$1/due" "$1/lines" | head -n 1)
	if [ -n "$first" ]; then
		echo "${first#not ok }"
	elif grep -q '^lamina: PANIC' "$1/serial.txt"; then
		sed -n 's/^lamina: PANIC/panic/p' "$1/serial.txt" | head -n 1
	elif ! grep -q '^lamina: guest bios starts' "$1/serial.txt"; then
		echo 'Lamina does not start its guest'
	elif grep -q '^lamina: unexpected' "$1/serial.txt"; then
		sed -n 's/^lamina: //p' "$1/serial.txt" | grep '^unexpected' | head -n 1
	elif ! grep -q '^1\.\.' "$1/serial.txt"; then
		how=stops
		[ "$(ticks_of "$1")" -lt "$ticks" ] || how=hangs
		echo "$how after: $(tail -n 1 "$1/lines")"
	elif ! cmp -s "$1/due" "$1/lines"; then
		echo 'cases are missing, or in another order'
	fi
}
