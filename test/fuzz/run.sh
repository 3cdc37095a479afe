#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh CORPUS LIBFUZZER-OPTIONS -- PROGRAM...: runs the fuzz targets one after the other. CORPUS is the
# directory in which they keep their inputs, '' for none. What makes one fail is left beside the program.
set -u

corpus=$1 options=$2
shift 3
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
passed=0 failed=0

for program in "$@"; do
	dir=
	if [ -n "$corpus" ]; then
		dir=$corpus/$(basename "$program")
		mkdir -p "$dir" || exit 1
	fi
	# shellcheck disable=SC2086 # the options are words, and dir is no word when empty
	if "$program" -artifact_prefix="$program." -max_len=4096 -len_control=0 -use_value_profile=1 \
		$options $dir >"$log" 2>&1; then
		passed=$((passed + 1))
		echo "PASS $program: $(sed -n 's/^Done //p' "$log")"
	else
		failed=$((failed + 1))
		cat "$log"
		echo "FAIL $program"
	fi
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
