#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh PROGRAM...: runs the unit tests and counts what they report (TAP). A program that dies, or
# reports less than it announced, counts as one failure more. 32-bit ones run by QEMU where the kernel
# does not run them.
set -u

log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
passed=0 failed=0
/lib/ld-linux.so.2 --version >/dev/null 2>&1 && run_32= || run_32=qemu-i386

for program in "$@"; do
	case $program in */32/*) run=$run_32 ;; *) run= ;; esac
	# shellcheck disable=SC2086 # a word, or none
	CMOCKA_MESSAGE_OUTPUT=tap timeout 300 $run "$program" >"$log" 2>&1
	rc=$?
	ok=$(grep -c '^ok ' "$log")
	bad=$(grep -c '^not ok ' "$log")
	announced=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$log")
	if [ "$announced" != $((ok + bad)) ] || { [ "$bad" = 0 ] && [ "$rc" != 0 ]; }; then
		bad=$((bad + 1))
		echo "$program: announced ${announced:-nothing}, reported $ok ok, ended with $rc" >>"$log"
	fi
	if [ "$bad" != 0 ]; then
		cat "$log"
		echo "FAIL $program: $ok passed, $bad failed"
	else
		echo "PASS $program: $ok passed$(sed -n 's/^# \(SEED=[0-9]*\) repeats.*/, \1/p' "$log")"
	fi
	passed=$((passed + ok)) failed=$((failed + bad))
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
