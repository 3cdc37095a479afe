# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154,SC2034 # $top comes from ./lamina; the machine's variables are boot.sh's
# ./lamina bench
set -eu
. "$top/script/lib/common.sh"
. "$top/script/lib/linux.sh"
. "$top/script/lib/boot.sh"
. "$top/script/lib/summary.sh"

usage() {
	cat <<-'EOF'
		usage: lamina bench [--vmlinuz] [FIGURE]...

		Measures Lamina in Bochs (corei7_skylake_x; one instruction is one tick, so figures repeat to the
		tick) and prints them beside those of a machine without it and of a peer. FIGURE: cpuid linux1
		linux2 start memory image mtrr exits; all without. Takes about five minutes; with --vmlinuz, which
		boots the kernel with its own decompressor, fifteen. Linux is booted three times each way, from
		different moments between two timer ticks, as its timers make single boots differ by a percent;
		the medians count.

		The native figure is of the same machine and disk without Lamina; for Linux, of the same loader
		with vmx=off. Exits with 1 when a figure misses its target.
	EOF
}

kernel=$build/guest/vmlinuz-unpacked figures=''
while [ $# -gt 0 ]; do
	case $1 in
	--help) usage && exit 0 ;;
	--vmlinuz) kernel=$build/guest/vmlinuz ;;
	cpuid | linux1 | linux2 | start | memory | image | mtrr | exits) figures="$figures $1" ;;
	*) die "bench: unknown figure or option '$1'; see lamina bench --help" ;;
	esac
	shift
done

# wanted FIGURE...: is one of them asked for?
wanted() {
	for figure in "$@"; do
		case "$figures " in ' ' | *" $figure "*) return 0 ;; esac
	done
	return 1
}

work=$build/bench
rm -rf "$work"
mkdir -p "$work"
results=$work/results
: >"$results"
model=corei7_skylake_x memory=512 rom='' limit=900

# result FIGURE NATIVE LAMINA
result() {
	[ -n "$2" ] && [ -n "$3" ] || die "bench: no figure for $1; the consoles are in $work"
	echo "$1 $2 $3" >>"$results"
}

# machine NAME CPUS: a new machine; its console will be $log
machine() {
	dir=$work/$1 cpus=$2 hd='' cd=''
	log=$dir/serial.txt
	mkdir -p "$dir"
	stage "$1"
}

run() {
	emulate "$dir" "$limit" || die "bench: ${dir##*/} did not come to its end; its console is $log"
}

# linux NAME CPUS OPTIONS: boots it from each of three places between two timer ticks; median: of the ticks
linux() {
	: >"$work/ticks"
	for turns in 3 18 31; do
		linux_once "$1, start $turns" "$2" "$3"
		linux_ticks >>"$work/ticks"
	done
	turns=''
	median=$(sort -n "$work/ticks" | sed -n 2p)
}

linux_once() {
	machine "$1" "$2"
	linux_on_lamina "$dir" "guest=linux $3" "$(linux_words) quiet panic=-1 lamina.batch" "$kernel"
	hd=$dir/lamina.img
	run
}

linux_ticks() {
	echo $(($(tick "$log" 'guest: userspace') - $(tick "$log" 'lamina: guest')))
}

# over A B: A / B
over() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.4f", a / b }'
}

bench_linux() {
	linux "linux on $1 CPUs, native" "$1" vmx=off
	native=$median
	linux "linux on $1 CPUs, Lamina" "$1" ''
	[ "$(virtualized "$log")" -eq "$1" ] || die "bench: not all CPUs ran on Lamina; see $log"
	wanted "linux$1" && result "linux$1" 1 "$(over "$median" "$native")"
	[ "$1" -ne 2 ] || ! wanted exits || result exits 0 "$(awk '/^lamina: exits total/ { n = $4 }
		/^lamina: exits cpu[0-9]+ HYPERCALL/ { calls += $5 } END { print n - calls }' "$log")"
}

# alive_tick: when the boot sector began
alive_tick() {
	echo $((0x$(sed -n 's/^guest: alive at tick \([0-9a-f]*\),.*/\1/p' "$log")))
}

bench_start() {
	machine 'boot sector, native' 1
	cp "$build/test/alive.img" "$dir/disk.img"
	{
		grub_head
		echo 'set root=(hd0)'
		echo 'chainloader +1'
		echo boot
	} >"$dir/cfg"
	grub_image "$dir/grub.img" "$dir/cfg"
	cd=$dir/grub.img hd=$dir/disk.img
	run
	native=$(alive_tick)
	machine 'boot sector, Lamina' 1
	cp "$build/test/alive.img" "$dir/disk.img"
	disk_on_lamina "$dir" 'guest=bios drive=hd0'
	cd=$dir/lamina.img hd=$dir/disk.img
	run
	result start 0 $(($(alive_tick) - native))
}

bench_memory() {
	result memory 0 "$(sed -n 's/^lamina: memory .*(\([0-9]*\) KiB) taken$/\1/p' "$log")"
}

# line NAME: a figure that the test kernel measured
line() {
	sed -n "s/^# bench $1 \([0-9]*\)\$/\1/p" "$log"
}

bench_testkernel() {
	machine 'test kernel, native' 1
	cp "$build/testkernel.iso" "$dir/testkernel.img"
	truncate -s %516096 "$dir/testkernel.img"
	hd=$dir/testkernel.img
	run
	native_cpuid=$(line cpuid) native_mtrr=$(line mtrr)
	machine 'test kernel, Lamina' 1
	cp "$build/testkernel.iso" "$dir/testkernel.img"
	truncate -s %516096 "$dir/testkernel.img"
	disk_on_lamina "$dir" 'guest=bios drive=hd0'
	cd=$dir/lamina.img hd=$dir/testkernel.img
	run
	! wanted cpuid || result cpuid "$native_cpuid" "$(line cpuid)"
	! wanted mtrr || result mtrr "$native_mtrr" "$(line mtrr)"
}

# table: the figures in the order of the peers' file; false when one misses its target
table() {
	awk -F ';' -v results="$results" '
		function big(x) { return x >= 1e6 ? sprintf("%.1f M", x / 1e6) : x }
		BEGIN {
			while ((getline line <results) > 0) {
				split(line, f, " ")
				native[f[1]] = f[2]
				ours[f[1]] = f[3]
			}
			row = "%-54s %14s %12s %10s %10s %10s  %s\n"
			printf row, "figure", "XMHF64", "XMHF64 best", "native", "Lamina", "target", ""
		}
		/^#/ || !($1 in ours) { next }
		{
			missed = ours[$1] >= $5
			any += missed
			printf row, $2, big($3), big($4), big(native[$1]), big(ours[$1]), "< " big($5), missed ? "MISSED" : "met"
		}
		END { exit any > 0 }' "$top/test/bench/peers"
}

build_lamina
need_emulator
run_make build/console build/test/alive.img testkernel
if wanted linux1 linux2 exits; then
	build_guest
	cp "$linux/vmlinuz" "$build/guest/vmlinuz"
fi
! wanted image || result image 0 $(($(stat -c %s "$build/lamina.elf") / 1024))
! wanted cpuid mtrr || bench_testkernel
if wanted start memory; then
	bench_start
	! wanted memory || bench_memory
fi
! wanted linux1 || bench_linux 1
! wanted linux2 exits || bench_linux 2
table
