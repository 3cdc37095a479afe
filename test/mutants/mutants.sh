# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034,SC2154 # variables of script/lib/boot.sh and of the caller
# What script/lamina-mutants.sh and run-mutant share. $mutants is the folder that everything is made in:
#   tree/ the unchanged sources, built; slot-N/ a copy that mutants are built in; image/ the test kernel's
#   disks; plain/SPEC/ runs without a mutant; run/NAME/ those with one; result/NAME how it ended
# A boot is written SPEC: GROUP[@MODEL][:OPTION[,OPTION]...], a group of the test kernel, a CPU model of Bochs or,
# as qemu:MODEL, of QEMU, and options of Lamina.

mutants=$top/build/mutants
cpus=2 memory=128 rom='' ignore_bad_msrs=0
build=$mutants/tree/build
wall=600 # s that an emulation may take on the most loaded machine

# programs_of LIST PATTERNS: of the programs in the file LIST those whose names match, 64-bit ones first
programs_of() {
	set -f
	for bits in 64 32; do
		for pattern in $2; do
			while IFS= read -r program; do
				# shellcheck disable=SC2254 # it is a pattern
				case $program in build/unit/$bits/$pattern) echo "$program" ;; esac
			done <"$1"
		done
	done
	set +f
}

# Where the guest faults for good the emulator's debugger comes: let it quit.
bochs_commands() {
	printf 'c\nq\n'
}

# parse SPEC: sets group, model and options
parse() {
	group=${1%%[:@]*}
	model=$(echo "$1" | sed -nE 's/^[^@:]*@((qemu:)?[^:]*).*/\1/p')
	options=$(echo "$1" | sed -E 's/^[^@:]*(@(qemu:)?[^:]*)?:?//' | tr , ' ')
	model=${model:-corei7_skylake_x}
	# a QEMU whose CPUs sleep for good takes no processor time: there the wall clock ends it sooner
	case $model in
	qemu:*) platform=qemu limit=$((wall / 4)) ;;
	*) platform=bochs limit=$wall ;;
	esac
	image=$mutants/image/$group-$platform.img
}

# boot_plain DIR SPEC: the test kernel bare, on a machine without AMD-V, as Lamina's guest has none
boot_plain() {
	parse "$2"
	[ "$platform" = bochs ] || model=$model,-svm
	ln -f "$image" "$1/testkernel.img"
	cd='' hd=$1/testkernel.img
	emulate "$1" "$limit"
}

# boot_lamina DIR SPEC ELF: the test kernel on the Lamina in ELF, at most $seconds of the processor's time
boot_lamina() {
	parse "$2"
	ln -f "$image" "$1/testkernel.img"
	{
		grub_head
		echo "multiboot2 /lamina.elf guest=bios drive=hd0 sipi=hold $options"
		printf 'module2 (hd0)+1\nboot\n'
	} >"$1/lamina.cfg"
	grub_image "$1/lamina.img" "$1/lamina.cfg" "lamina.elf=$3"
	cd=$1/lamina.img hd=$1/testkernel.img
	# shellcheck disable=SC3045 # dash has it, and bash
	(ulimit -t "$seconds" && emulate "$1" "$limit")
}

# cases_of DIR: what must be equal
cases_of() {
	grep -E '^(ok|not ok|Bail|1\.\.)' "$1/serial.txt" || true
}

# after DIR: the last case that was seen
after() {
	[ ! -s "$1/lines" ] || echo " after $(tail -n 1 "$1/lines")"
}

# verdict DIR SPEC: on stdout what is wrong with a run on Lamina, in one line; nothing if all is well
verdict() {
	cases_of "$mutants/plain/$2/bare" >"$1/due"
	cases_of "$1" >"$1/lines"
	first=$(grep -vxF -f "$1/due" "$1/lines" | head -n 1)
	if [ -n "$first" ]; then
		echo "${first#not ok }"
	elif grep -q '^lamina: the guest shut' "$1/serial.txt"; then
		echo "$(sed -n 's/^lamina: the guest shut/it shuts/p' "$1/serial.txt" | head -n 1)$(after "$1")"
	elif grep -q '^lamina: PANIC' "$1/serial.txt"; then
		sed -n 's/^lamina: PANIC/panic/p' "$1/serial.txt" | head -n 1
	elif ! grep -q '^lamina: guest bios starts' "$1/serial.txt"; then
		echo 'Lamina does not start its guest'
	elif grep -q '^lamina: unexpected' "$1/serial.txt"; then
		sed -n 's/^lamina: //p' "$1/serial.txt" | grep '^unexpected' | head -n 1
	elif ! grep -q '^1\.\.' "$1/serial.txt"; then
		how=$(cat "$1"/bochs.txt "$1"/qemu.txt 2>/dev/null | sed -n 's/.*>>PANIC<</the machine stops:/p' | head -n 1)
		echo "${how:-it hangs}$(after "$1")"
	elif ! cmp -s "$1/due" "$1/lines"; then
		echo 'cases are missing, or in another order'
	fi
}
