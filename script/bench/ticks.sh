# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154,SC2034 # the variables are lamina-bench.sh's and boot.sh's
# Figures from Bochs, in ticks.

# machine NAME CPUS: a new machine; its console will be $log. QEMU takes no comma in a file's name.
machine() {
	dir=$work/$(echo "$1" | tr -s ' ,' -) cpus=$2 hd='' cd=''
	log=$dir/serial.txt
	mkdir -p "$dir"
	stage "$platform: $1"
}

# run [OPTION]...: until its end; the options are for tools/console.c
run() {
	emulate "$dir" "$limit" "$@" || die "bench: ${dir##*/} did not come to its end; its console is $log"
}

# linux_machine NAME CPUS OPTIONS [WORDS]: with Linux, these options of Lamina and words for the kernel
linux_machine() {
	machine "$1" "$2"
	linux_on_lamina "$dir" "guest=linux $3" "$(linux_words) quiet ${4:-} panic=-1 lamina.batch" "$kernel"
	hd=$dir/lamina.img
}

# linux NAME CPUS OPTIONS: boots it from each of three places between two timer ticks; median: of the ticks. Where the
# scheduler puts the kernel's first thread is a matter of chance: beside the timer's interrupts or on a CPU of its own, which
# is 3 % of a boot. So the CPUs but the first are isolated: they come up, and serve what is pinned to them.
linux() {
	: >"$work/ticks"
	for turns in 3 18 31; do
		linux_machine "$1, start $turns" "$2" "$3" isolcpus=1
		run
		linux_ticks >>"$work/ticks"
	done
	turns=''
	median=$(sort -n "$work/ticks" | sed -n 2p)
}

linux_ticks() {
	from=$(tick "$log" 'lamina: guest') to=$(tick "$log" 'guest: userspace')
	[ -n "$from" ] && [ -n "$to" ] || die "bench: Linux did not come up; its console is $log"
	echo $((to - from))
}

# exits_counted: those of the boot that has just ended, without the hypercalls that measure it
exits_counted() {
	awk '/^lamina: exits total/ { n = $4 } /^lamina: exits cpu[0-9]+ HYPERCALL/ { calls += $5 } END { print n - calls }' "$log"
}

all_on_lamina() {
	[ "$(virtualized "$log")" -eq "$cpus" ] || die "bench: not all CPUs ran on Lamina; see $log"
}

bench_linux() {
	linux "linux on $1 CPUs, native" "$1" vmx=off
	native=$median
	linux "linux on $1 CPUs, Lamina" "$1" ''
	all_on_lamina
	! wanted "linux$1" || result "linux$1" 1 "$(over "$median" "$native")"
	if [ "$1" -eq 2 ] && wanted exits; then
		cp "$log" "$work/exits"
		result exits 0 "$(exits_counted)"
	fi
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
	! wanted start || result start 0 $(($(alive_tick) - native))
	! wanted memory || result memory 0 "$(sed -n 's/^lamina: memory .*(\([0-9]*\) KiB) taken$/\1/p' "$log")"
}

# line NAME: a figure that the test kernel measured
line() {
	sed -n "s/^# bench $1 \([0-9]*\)\$/\1/p" "$log"
}

bench_testkernel() {
	machine 'test kernel, native' 1
	testkernel_disk "$dir" only=bench
	hd=$dir/testkernel.img
	run
	native_cpuid=$(line cpuid) native_mtrr=$(line mtrr)
	machine 'test kernel, Lamina' 1
	testkernel_disk "$dir" only=bench
	disk_on_lamina "$dir" 'guest=bios drive=hd0'
	cd=$dir/lamina.img hd=$dir/testkernel.img
	run
	! wanted cpuid || result cpuid "$native_cpuid" "$(line cpuid)"
	! wanted mtrr || result mtrr "$native_mtrr" "$(line mtrr)"
}

bench_ticks() {
	! wanted image || result image 0 $(($(stat -c %s "$build/lamina.elf") / 1024))
	! wanted cpuid mtrr || bench_testkernel
	! wanted start memory || bench_start
	! wanted linux1 || bench_linux 1
	! wanted linux2 exits || bench_linux 2
}
