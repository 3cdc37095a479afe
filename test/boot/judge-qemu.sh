# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # the variables are run-case's
# Judges of what runs on QEMU's own emulation (TCG); the model of a case is one of QEMU's CPUs.

# The test kernel bare, as judge_kernel does on Bochs
judge_qemu() {
	sub=bare tk="$tk off=qemu"
	mkdir -p "$work/$sub"
	log=$work/$sub/serial.txt
	images_testkernel
	how=0
	# isa-debug-exit makes a status of its own; what counts is the console
	timeout -s KILL "$limit" qemu-system-x86_64 -accel tcg -cpu "$model" -smp "$cpus" -m "$memory" \
		-display none -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4 \
		-serial "file:$work/$sub/serial.raw" -drive "file=$hd,format=raw,snapshot=on" \
		</dev/null >"$work/$sub/qemu.txt" 2>&1 || how=$?
	[ $how -ne 137 ] || echo "# $sub: stopped after $limit s" >&2
	tr -d '\r' <"$work/$sub/serial.raw" >"$log"
	rm -f "$hd"
	ok 'the test kernel ends' has '^1\.\.[0-9]+'
	ok 'no case fails' count 0 '^(not ok|Bail)'
	ok 'every case of its plan is ok, and ran' all_ok
}
