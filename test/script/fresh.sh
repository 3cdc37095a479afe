# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # sourced by test/boot/run-case
# From nothing: a copy of the sources without what is built, and no kernel fetched before.

# run_fresh: as from a fresh clone; 82 MB come from Debian's archive
run_fresh() {
	copy_sources "$work/tree" &&
		XDG_CACHE_HOME=$work/cache "$work/tree/lamina" run --batch --cpus "$cpus" >"$work/run.txt" 2>&1
}

log=$work/run.txt
ok 'lamina run --batch ends with 0' run_fresh
ok 'it fetched the kernel' has 'fetching linux-image-'
ok 'it streamed the console' has '^guest: userspace at tick'
ok "all $cpus CPUs ran on Lamina" has "^CPUs  *$cpus of $cpus ran on Lamina"
ok 'no escape sequence is in what it said' count 0 "$(printf '\033')"
[ "$failed" -eq 0 ] || tail -n 30 "$log" | sed 's/^/# /' >&2
rm -rf "$work/tree" "$work/cache"
