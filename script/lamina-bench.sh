# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154,SC2034 # $top comes from ./lamina; the machine's variables are boot.sh's
# ./lamina bench
set -eu
. "$top/script/lib/common.sh"
. "$top/script/lib/linux.sh"
. "$top/script/lib/boot.sh"
. "$top/script/lib/summary.sh"
. "$top/script/bench/table.sh"
. "$top/script/bench/ticks.sh"
. "$top/script/bench/pairs.sh"

usage() {
	cat <<-'EOF'
		usage: lamina bench [--platform P] [--pairs N] [--vmlinuz] [FIGURE]...

		Measures Lamina beside the same machine without it. P: bochs-intel, bochs-amd, qemu; all without.
		Takes about five minutes on each (with --vmlinuz, which boots the kernel with its own
		decompressor, fifteen).

		bochs-intel, bochs-amd: one instruction is one tick, so figures repeat to the tick. FIGURE: cpuid
		linux1 linux2 start memory image mtrr exits. Linux is booted three times each way, from different
		moments between two timer ticks, as its timers make single boots differ by a percent; the medians
		count.
		qemu: by the clock. Linux is booted native, on Lamina, native, on Lamina..., N pairs of them (5, at
		least 3); the median of the pairs' ratios counts. FIGURE: linux1 linux2 insns exits.

		The native figure is of the same machine and disk without Lamina; for Linux, of the same loader
		with vmx=off. Exits with 1 when a figure misses its target.
	EOF
}

kernel=$build/guest/vmlinuz-unpacked figures='' platforms='' pairs=5
while [ $# -gt 0 ]; do
	case $1 in
	--help) usage && exit 0 ;;
	--vmlinuz) kernel=$build/guest/vmlinuz ;;
	--platform | --pairs)
		value "$@"
		case $1 in
		--platform) platforms=$2 ;;
		--pairs) number "$1" "$2" 3 99 && pairs=$2 ;;
		esac
		shift
		;;
	cpuid | linux1 | linux2 | start | memory | image | mtrr | insns | exits) figures="$figures $1" ;;
	*) die "bench: unknown figure or option '$1'; see lamina bench --help" ;;
	esac
	shift
done
case ${platforms:-all} in
all) platforms='bochs-intel bochs-amd qemu' ;;
bochs-intel | bochs-amd | qemu) ;;
*) die "--platform is bochs-intel, bochs-amd, qemu or all, not '$platforms'" ;;
esac

# wanted FIGURE...: is one of them asked for?
wanted() {
	for figure in "$@"; do
		case "$figures " in ' ' | *" $figure "*) return 0 ;; esac
	done
	return 1
}

rm -rf "$build/bench"
build_lamina
need_emulator
run_make build/console build/test/alive.img testkernel
if wanted linux1 linux2 insns exits; then
	build_guest
	cp "$linux/vmlinuz" "$build/guest/vmlinuz"
fi
for platform in $platforms; do
	work=$build/bench/$platform memory=512 rom='' limit=900
	mkdir -p "$work"
	: >"$work/results"
	case $platform in
	bochs-intel) model=corei7_skylake_x && bench_ticks ;;
	bochs-amd) model=ryzen && bench_ticks ;;
	qemu) model=qemu:EPYC && bench_pairs ;;
	esac
done
missed=0
for platform in $platforms; do
	table "$platform" || missed=1
done
! wanted exits || exits_table
exit $missed
