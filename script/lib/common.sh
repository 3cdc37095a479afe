# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What every command of ./lamina uses: messages, missing packages, the build. Sourced with $top set.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/lamina
build=$top/build
started=$(date +%s%3N)

die() {
	echo "lamina: $*" >&2
	exit 1
}

# [ 12.3s] TEXT, on stderr: where a command is
stage() {
	ms=$(($(date +%s%3N) - started))
	if [ -t 2 ]; then
		printf '\033[36m[%5d.%ds]\033[0m %s\n' $((ms / 1000)) $((ms % 1000 / 100)) "$*" >&2
	else
		printf '[%5d.%ds] %s\n' $((ms / 1000)) $((ms % 1000 / 100)) "$*" >&2
	fi
}

# as_root COMMAND...: by sudo where we are not root
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "this needs root, and there is no sudo: $*"
	fi
}

# need REASON PACKAGE[=FILE]...: installs those that are missing. FILE is a command or an absolute
# path that shows that the package is there.
need() {
	reason=$1
	shift
	missing=
	for item in "$@"; do
		command -v "${item#*=}" >/dev/null || [ -e "${item#*=}" ] || missing="$missing ${item%%=*}"
	done
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null ||
		die "missing:$missing (to $reason), and there is no apt-get to install them"
	stage "installing$missing: to $reason"
	apt_update
	# shellcheck disable=SC2086 # a list of package names
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
		$missing >"$cache/apt.log" 2>&1 ||
		die "apt-get could not install$missing; its last words: $(tail -n 1 "$cache/apt.log")"
}

# Refreshes apt's lists, once per command.
apt_update() {
	[ -z "${apt_fresh:-}" ] || return 0
	mkdir -p "$cache"
	as_root apt-get update >"$cache/apt.log" 2>&1 ||
		die "apt-get update failed; its last words: $(tail -n 1 "$cache/apt.log")"
	apt_fresh=1
}

need_build() {
	need 'build Lamina' make gcc binutils=objcopy libc6-dev=/usr/include/stdio.h
}

need_unit() {
	need 'build the unit tests' git gcc-multilib=/usr/lib/gcc/x86_64-linux-gnu/12/32/libgcc.a \
		libcmocka-dev=/usr/include/cmocka.h
	/lib/ld-linux.so.2 --version >/dev/null 2>&1 ||
		need 'run 32-bit tests, as this kernel runs no 32-bit programs' qemu-user=qemu-i386
}

# run_make TARGET...: shows make's output only where it fails
run_make() {
	mkdir -p "$build"
	make -C "$top" -j"$(nproc)" "$@" >"$build/make.log" 2>&1 || {
		grep -v '^make' "$build/make.log" | tail -n 40 >&2
		die "make $* failed; the whole output is in build/make.log"
	}
}

build_lamina() {
	need_build
	run_make all
	stage "build/lamina.elf is there, $(($(stat -c %s "$build/lamina.elf") / 1024)) KiB"
}

# copy_sources DIR: the working tree, with what is not committed yet, without what is built
copy_sources() {
	mkdir -p "$1"
	# shellcheck disable=SC2016 # the inner shell expands them
	(cd "$top" && git ls-files -co --exclude-standard -z | xargs -0 sh -c '
		for file; do [ ! -e "$file" ] || cp -P --parents "$file" "$0"; done' "$1")
}

# value OPTION VALUE...: dies where an option came without its value
value() {
	[ $# -ge 2 ] || die "$1 wants a value; see --help"
}

# number OPTION VALUE MIN MAX: dies unless VALUE is a decimal number within
number() {
	case $2 in '' | *[!0-9]*) die "$1 wants a number, not '$2'" ;; esac
	[ "$2" -ge "$3" ] && [ "$2" -le "$4" ] || die "$1 must be $3 to $4, not $2"
}

# matches NAME PATTERNS: does the name match one of these shell patterns, a list of words?
matches() {
	set -f
	for pattern in $2; do
		# shellcheck disable=SC2254 # it is a pattern
		case $1 in $pattern) set +f && return 0 ;; esac
	done
	set +f
	return 1
}
