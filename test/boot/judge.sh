# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # the variables are run-case's
# The judges of test/boot/cases. Each boots what it needs and says ok or not, from the serial console.

# has REGEX: a line of the last console matches it
has() {
	grep -Eq -- "$1" "$log"
}

# count N REGEX: N lines do
count() {
	[ "$(grep -Ec -- "$2" "$log")" -eq "$1" ]
}

# used_tenths: processor time of all commands so far
used_tenths() {
	awk -F '[ms ]' 'NR == 2 { printf "%d\n", 600 * $1 + 10 * $2 + 600 * $4 + 10 * $5 }' "$work/times"
}

# boot SUB MAKE_IMAGES ARGUMENT...: makes the images and emulates the machine; sets $how, and in $tenths of a second
# the processor time that it took
boot() {
	sub=$1
	shift
	mkdir -p "$work/$sub"
	log=$work/$sub/serial.txt
	cd='' hd=''
	"$@"
	how=0
	times >"$work/times"
	before=$(used_tenths)
	emulate "$work/$sub" "$limit" ${end_text:+--end "$end_text"} || how=$?
	times >"$work/times"
	tenths=$(($(used_tenths) - before))
	case $how in
	3) echo "# $sub: stopped after $limit s" >&2 ;;
	4) echo "# $sub: the console has a panic" ;;
	esac
	[ "$model" != ryzen ] || ! bochs_panics "$work/$sub/bochs.txt" || ok 'Bochs does not panic' false
	[ "$judge" = probed ] || ! has '^lamina: probe: cpu' || ok 'the probe finds no fault of the platform' false
}

# What boot can be told to make, each with the options of Lamina
images_linux() {
	linux_on_lamina "$work/$sub" "guest=linux $*" "$append" "$kernel"
	hd=$work/$sub/lamina.img
}

images_bios() {
	linux_disk "$work/$sub" "$append" "$kernel"
	disk_on_lamina "$work/$sub" "guest=bios drive=hd0 $*"
	cd=$work/$sub/lamina.img hd=$work/$sub/linux.img
}

# a boot sector as hd0; image= leaves out its module or puts garbage in its place
images_alive() {
	case $image in
	'') disk_on_lamina "$work/$sub" "guest=bios drive=hd0 $*" ;;
	none) disk_on_lamina "$work/$sub" "guest=bios drive=hd0 $*" '' ;;
	garbage)
		seq 1 20000 >"$work/$sub/garbage"
		disk_on_lamina "$work/$sub" "$*" /garbage "garbage=$work/$sub/garbage"
		;;
	esac
	cp "$build/test/$sector.img" "$work/$sub/sector.img"
	cd=$work/$sub/lamina.img hd=$work/$sub/sector.img
}

# the test kernel on a disk of its own: bare, or as the guest of a CD with Lamina
images_testkernel() {
	testkernel_disk "$work/$sub" "$tk"
	hd=$work/$sub/testkernel.img
	[ "$sub" = bare ] || {
		disk_on_lamina "$work/$sub" "guest=bios drive=hd0 $*"
		cd=$work/$sub/lamina.img
	}
}

judge_host() {
	ok "make $target" quietly "$work/make.log" make -C "$top" "$target"
	[ "$failed" -eq 0 ] || tail -n 40 "$work/make.log" | sed 's/^/# /' >&2
}

# A file of test/script, which says ok by itself
judge_script() {
	. "$top/test/script/$target.sh"
}

# quietly LOG COMMAND...
quietly() {
	into=$1
	shift
	"$@" >"$into" 2>&1
}

# The sum of the exit lines per CPU and kind is the total
exits_add_up() {
	awk '/^lamina: exits cpu/ { sum += $5 } /^lamina: exits total/ { total = $4 }
		END { exit !(total > 0 && sum == total) }' "$log"
}

# Each CPU answered a probe pinned to it, and no two are the same CPU of Lamina's
all_virtualized() {
	[ "$(virtualized "$log")" -eq "$cpus" ] &&
		[ "$(sed -n 's/^guest: cpu [0-9]* virtualized by lamina, its //p' "$log" | sort -u | wc -l)" -eq "$cpus" ]
}

# As many lines of log=cr as CR exits counted
# A line may fall into one of the guest's (CAVEATS.md).
cr_log_complete() {
	awk '/lamina: cpu [0-9]+ .* owned .* shadow / { lines++ } /^lamina: exits cpu[0-9]+ CR / { sum += $5 }
		END { exit !(sum > 0 && lines == sum) }' "$log"
}

table_adds_up() {
	awk '$1 == "exits" { table = 1; next }
		table && $1 == "total" { exit !(sum > 0 && $NF == sum) }
		table { row = 0; for (i = 2; i < NF; i++) row += $i; if (row != $NF) exit 1; sum += $NF }
		END { if (!table) exit 1 }' "$log"
}

# Of the samples that hypapp.stats.every=0x400000 asks of CPU 0 a part in a hundred has been taken: nearly all with a timer
# of the CPU's, less where the guest's interrupts must do
samples_taken() {
	awk -v part="$1" '/^lamina: power-off at tick/ { sub(/,/, "", $5); ticks = $5 - $NF }
		/^lamina: stats: cpu0/ { samples = $4 }
		END { exit !(samples > ticks / 4194304 * part / 100) }' "$log"
}

# more_than N KIND: of all CPUs together, exits of that kind
more_than() {
	awk -v n="$1" -v kind="$2" '/^lamina: exits cpu/ && $4 == kind { sum += $5 } END { exit !(sum > n) }' "$log"
}

# calls_seen PATTERN...: the calls that hypapp syscalls reports are these and no more
calls_seen() {
	sed -n 's/^lamina: syscalls: cpu[0-9]*: //p' "$log" | {
		while IFS= read -r call; do
			# shellcheck disable=SC2254 # a pattern
			case $call in $1) shift ;; *) return 1 ;; esac
		done
		[ $# -eq 0 ]
	}
}

steps_seen() {
	grep -Eo '^guest: step: cpu.*' "$log" | sed 's/^guest: //' >"$work/steps.due"
	sed -n 's/^lamina: \(step: cpu.*\)/\1/p' "$log" | cmp - "$work/steps.due"
}

show_trace() {
	"$top/build/lamina-trace" show "$log" "$work/shown" 2>"$work/shown.err"
}

# what laminactl trace has printed: of all CPUs, with the calls of hypapp syscalls by name
calls_shown() {
	show_trace || return 1 # nothing is lost
	for cpu in $(seq "$cpus"); do
		grep -q " cpu$((cpu - 1)) " "$work/shown" || return 1
	done
	for call in getpid=27 close=3 lseek=8 nanosleep=23 syscalls=7654321 ioctl=10; do
		grep -Eq " ${call%=*} +number=${call#*=} " "$work/shown" || return 1
	done
}

# one CPU, whose trace is on the serial line
steps_shown() {
	show_trace &&
		sed -n 's/.* step  *id=\([0-9a-f]*\) .*/step: cpu0: \1/p' "$work/shown" | cmp - "$work/steps.due"
}

judge_wx() {
	attack='^guest: cpu[0-9]+ (a write to code|execution of data)'
	ok 'wx learns what is code' count 2 '^guest: wx: [1-9][0-9]{2,} pages of code, '
	ok 'it sees nothing in an undisturbed system' count 2 '^guest: wx: [0-9]+ pages of code, 0 writes, 0 executions$'
	ok 'programs had pages to execute' has '^lamina: wx: .*, [1-9][0-9]* given to programs; '
	case $opt in *action=refuse*)
		ok 'code could be written, and data executed, until then' count $((2 * cpus)) "$attack: done"
		ok 'and no more, by each CPU' count $((2 * cpus)) "$attack: refused"
		ok 'that is all that was refused' has "^lamina: wx: .* $cpus writes and $cpus executions refused"
		ok 'it says where' count $((2 * cpus)) '^lamina: wx: cpu[0-9]: (write|execution) of [0-9a-f]+, RIP f{4}[0-9a-f]{12}, CR3 '
		;;
	*)
		ok 'code can be written, and data executed, before and after' count $((4 * cpus)) "$attack: done"
		ok 'it sees both, once a page' has '^lamina: wx: .* 1 writes and [1-9] executions logged'
		;;
	esac
}

judge_guest() {
	ok 'no panic' count 0 '^lamina: PANIC|Kernel panic'
	ok 'Lamina says how much memory it took' has '^lamina: memory 0x[0-9a-f]+-0x[0-9a-f]+ .*taken'
	ok "Lamina found $cpus CPUs" has "^lamina: $cpus CPUs?"
	ok 'the probe has run on them, and finds no fault' has "^lamina: probe: $cpus CPUs, [0-9]+ steps each, 0 faults\$"
	ok 'the guest starts' has '^lamina: guest (linux|bios) starts at tick [0-9]+$'
	ok 'userspace is there' has '^guest: userspace at tick'
	ok "$cpus CPUs are online" has "^guest: CPUs online $cpus\$"
	ok "a probe pinned to each of $cpus CPUs finds Lamina" all_virtualized
	ok 'the guest came to its end' has '^guest: done'
	ok 'it powers off' has '^lamina: power-off at tick [0-9]+'
	ok 'exits are counted per CPU and kind' exits_add_up
	ok 'no CR exit is unexpected' count 0 '^lamina: unexpected exit'
	case $opt in *break=sipi*)
		ok 'each CPU stops at its first instruction after a SIPI' \
			count $((cpus - 1)) '^lamina: break, sipi: cpu [0-9]+ [0-9a-f]{4}:0 '
		;;
	esac
	case $opt in *log=cr*) ok 'each CR exit has its line in the log' cr_log_complete ;; esac
	case ,$do, in *,cr,*)
		last=$((cpus - 1))
		ok "cpu $last owns all of CR0 and CR4, also after it went off and on" \
			count 2 "^guest: cpu$last CR[04] reads .* owned f{16} "
		ok 'the others do not' count $((2 * last)) '^guest: cpu[0-9]+ CR[04] reads .* owned [0-9a-f]{1,8} '
		ok "its CR accesses are logged" has "^lamina: cpu $last [0-9a-f]+:[0-9a-f]+ MOV CR4 .*: accepted"
		ok 'no CPU had an unexpected CR exit' has '^guest: unexpected CR exits 0$'
		;;
	esac
	case ,$do, in *,stats,*) ok "the guest's table of exits adds up" table_adds_up ;; esac
	case ,$do, in *,watch,*)
		ok 'hello counts its calls' has '^guest: hello 41 '
		ok 'what is watched can be changed, by each CPU' count $((3 * cpus)) '^guest: cpu[0-9]+ (cr|msr) [04c][0-9a-f]* bit [0-9]+: done'
		ok 'and no more once it is pinned' count $((3 * cpus)) '^guest: cpu[0-9]+ (cr|msr) [04c][0-9a-f]* bit [0-9]+: refused'
		ok 'every CPU takes its samples' count "$cpus" '^lamina: stats: cpu[0-9]+ [1-9][0-9]* samples'
		case $model in
		corei*) ok 'nearly all of them' samples_taken 90 ;;
		*) ok 'when its interrupts come' samples_taken 10 ;;
		esac
		ok 'crwatch has seen it' has "^lamina: crwatch: [0-9]+ changes, $((2 * cpus)) of them refused"
		ok 'it says where' count $((2 * cpus)) '^lamina: crwatch: cpu[0-9]: CR[04] [0-9a-f]+ -> [0-9a-f]+ refused, RIP f{8}[0-9a-f]{8}, CR3 '
		ok 'msrwatch too' has "^lamina: msrwatch: [0-9]+ writes, $cpus of them refused"
		;;
	esac
	case ,$do, in *,wx,*) judge_wx ;; esac
	case ,$do, in *,step,*)
		ok 'a function on each CPU is to be traced' count $((14 * cpus)) '^guest: step: cpu[0-9]: [0-9a-f]+$'
		ok 'just its instructions are, in order' steps_seen
		case $opt in *trace_out=serial*) ok 'lamina trace show has them' steps_shown ;; esac
		;;
	esac
	case ,$do, in *,syscalls,*)
		ok 'its process has run to the end' has '^guest: syscalls: 6$'
		ok 'just its calls are seen, in order' calls_seen '39 (1, 2, 3)' '3 (1234, 5, 6)' '8 (ffffffffffffffff, 123456789abcdef, 7)' \
			'35 (*, 0, 5)' '124076833 (8, 9, a)' '16 (*, *c0144c01, *)'
		ok 'while others called too' more_than 20 EXCEPTION
		case ,$do, in *,trace,*) ok 'laminactl trace has them too, by name' calls_shown ;; esac
		;;
	esac
	case $opt in *wx.after=*)
		ok 'wx learns by itself, and sees a module come' has '^lamina: wx: 4[0-9]{3} pages of code .*, [1-9][0-9]* given to programs; 0 writes and [12] executions logged'
		;;
	esac
	case ,$do, in *,vault,*)
		ok 'laminactl names the hypapps' has '^guest: hypapp vault$'
		ok 'the vault keeps its secret from its program, its kernel and other CPUs, and computes' \
			count $((20 + 4 * cpus)) '^guest: vault: .*: yes'
		ok 'in no way does it not' count 0 '^guest: vault: .*: NO'
		ok 'to the end' has '^guest: laminactl ends with 0'
		ok 'Lamina has refused what was tried' has "^lamina: vault: [0-9]+ calls, $((4 + 28 * cpus)) accesses refused, 5 vaults wiped"
		;;
	esac
	case ,$do, in *,hour,*)
		ok 'it was up for an hour' has '^guest: an hour, up 36[0-9][0-9] s$'
		ok 'CR exits there were' has '^lamina: exits cpu0 CR [1-9]'
		ok 'and nobody is blamed' count 0 '^lamina: .*; verdict: '
		;;
	esac
	case ,$do, in *,suspend,*) judge_suspended ;; esac
	case ,$do, in *,smi,*)
		ok 'it lives through SMIs' count 3 '^guest: after SMI [123]'
		ok 'for which nobody but the platform is blamed' count 0 '; verdict: (guest|Lamina|undecided)'
		;;
	esac
	case ,$do, in *,hotplug,*)
		ok 'CPU 1 went off three times' count 3 '^guest: hotplug [123]: .*cpu1 is off'
		ok 'and came back three times' count 3 '^guest: hotplug [123]: .*cpu1 is on'
		ok 'both rounds of probes found Lamina on it' count 2 '^guest: cpu 1 virtualized'
		;;
	esac
}

came_back() {
	count 2 "^guest: suspend [12]: back, $cpus CPUs\$"
}

# Twice to sleep and back; all_virtualized looks at the last probe, pinned to each CPU
judge_suspended() {
	ok 'the guest comes back from two suspends' came_back
	ok 'Lamina before it' count 2 "^lamina: back from a suspend on $cpus CPUs\$"
	ok 'no CPU has slipped out' count $((3 * cpus)) '^guest: cpu [0-9]+ virtualized by lamina'
	ok "Lamina's memory is still out of sight" count 2 "^guest: memory at $(
		sed -n 's/^lamina: memory 0x\([0-9a-f]*\)-.*/\1/p' "$log"), [1-9][0-9]* KiB, 0 bytes not FF\$"
}

judge_linux() {
	# shellcheck disable=SC2086 # words
	boot lamina images_linux $opt
	judge_guest
}

# e820 LOG: the memory map above 1 MiB as Linux prints it: first byte, last byte, type
e820() {
	sed -n 's/.*BIOS-e820: \[mem 0x\([0-9a-f]*\)-0x\([0-9a-f]*\)\] \(.*\)/\1 \2 \3/p' "$1" | awk '$1 >= "0000000000100000"'
}

# The native map, with Lamina's region reserved in the one range that it lies in, is what the guest gets.
same_but_ours() {
	region=$(sed -n 's/^lamina: memory 0x\([0-9a-f]*\)-0x\([0-9a-f]*\) .*/\1 \2/p' "$log")
	first=$((0x${region% *})) last=$((0x${region#* }))
	e820 "$work/bare/serial.txt" | awk -v first="$(printf %016x $first)" -v last="$(printf %016x $last)" \
		-v before="$(printf %016x $((first - 1)))" -v behind="$(printf %016x $((last + 1)))" '
		$1 <= first && last <= $2 && $3 == "usable" {
			if ($1 < first)
				print $1, before, $3
			print first, last, "reserved"
			if (last < $2)
				print behind, $2, $3
			next
		}
		{ print }' >"$work/due"
	e820 "$log" >"$work/map"
	cmp -s "$work/due" "$work/map"
}

# A memory map with many holes
judge_holes() {
	append="$append loglevel=7"
	boot bare images_linux vmx=off
	ok 'the map has at least 30 ranges' [ "$(e820 "$log" | wc -l)" -ge 30 ]
	# shellcheck disable=SC2086
	boot lamina images_linux $opt
	judge_guest
	ok "the guest's map is the native one, without Lamina's memory" same_but_ours
	diff "$work/due" "$work/map" | head -n 20 | sed 's/^/# /' >&2
}

judge_bios() {
	# shellcheck disable=SC2086
	boot lamina images_bios $opt
	ok "the disk's GRUB ran as guest" has '^guest: GRUB'
	judge_guest
}

judge_alive() {
	# shellcheck disable=SC2086
	boot lamina images_alive $opt
	ok 'no panic' count 0 '^lamina: PANIC'
	ok 'the boot sector runs on Lamina, from its drive' has '^guest: alive at tick [0-9a-f]*, drive 80, virtualized$'
	[ "$warned" -eq 0 ] || ok "$warned options are warned about" count "$warned" '^lamina: .*option'
}

# The boot sector alone on the machine
images_sector() {
	cp "$build/test/$sector.img" "$work/$sub/sector.img"
	hd=$work/$sub/sector.img
}

# screen_of DIR: once its guest has drawn, QEMU's monitor saves what is on the screen, and ends the machine
screen_of() {
	mkdir -p "$1"
	mkfifo "$1/monitor.in" "$1/monitor.out"
	(
		until grep -q '^guest: drawn' "$1/serial.raw" 2>/dev/null; do
			sleep 0.2
			[ -e "$1/monitor.in" ] || exit 0
		done
		printf 'screendump screen.ppm\nquit\n' >"$1/monitor.in"
	) &
}

# picture SUB IMAGES...: boots, and leaves the screen in SUB/screen.ppm
picture() {
	# shellcheck disable=SC2034 # qemu_command's
	qemu_words='-chardev pipe,id=monitor,path=monitor -mon chardev=monitor,mode=readline'
	screen_of "$work/$1"
	boot "$@"
	rm "$work/$1/monitor.in" "$work/$1/monitor.out"
	wait
}

# What a guest draws is on the screen, point for point
judge_picture() {
	picture bare images_sector
	ok 'the screen is 640 x 480, and not of one colour' drawn "$work/bare/screen.ppm"
	# shellcheck disable=SC2086
	picture lamina images_alive $opt
	ok 'no panic' count 0 '^lamina: PANIC'
	ok 'Lamina starts the guest' has '^lamina: guest bios starts'
	ok 'the picture is the same' cmp "$work/bare/screen.ppm" "$work/lamina/screen.ppm"
}

# drawn FILE.ppm: its points take many bytes to tell
drawn() {
	[ "$(head -c 11 "$1" | tr '\n' ' ')" = 'P6 640 480 ' ] && [ "$(gzip -c "$1" | wc -c)" -gt 2000 ]
}

# The platform alone: probe=only
judge_probe() {
	end_text=' faults'
	# shellcheck disable=SC2086
	boot lamina images_alive probe=only $opt
	ok 'no panic' count 0 '^lamina: PANIC'
	ok "on $cpus CPUs the probe finds no fault" has "^lamina: probe: $cpus CPUs, 61440 steps each, 0 faults\$"
	ok 'no guest starts' count 0 '^lamina: guest|^guest: alive'
}

# The test build disturbs CR0 and CR4 behind Lamina's back; Lamina says who it was
judge_verdict() {
	elf=$build/inject/lamina.elf
	# shellcheck disable=SC2086
	boot lamina images_testkernel log=verdict $opt
	ok 'no panic' count 0 '^lamina: PANIC'
	ok 'the test kernel ends, and no case fails' has '^# 0 of [0-9]+ cases failed'
	[ -z "$due" ] || ok "the verdict is: $due" has "^lamina: .*; verdict: $due: "
	ok 'each CPU saw what is due' count "$cpus" "^# cpu [0-9]+: $seen\$"
	ok 'and so were all verdicts' has "^# $verdicts\$"
	case $opt in *trace_out=serial*) ok 'the trace alone tells it too' blamed_by_trace ;; esac
}

# The probe is disturbed, and says so of each CPU
judge_probed() {
	elf=$build/inject/lamina.elf
	# shellcheck disable=SC2086
	boot lamina images_testkernel probe=on $opt
	ok 'no panic' count 0 '^lamina: PANIC'
	ok "the probe says of each CPU: $due" count "$cpus" "^lamina: probe: cpu [0-9]+: platform $due"
	ok 'and counts the faults' has "^lamina: probe: $cpus CPUs, 3840 steps each, $((cpus * ${seen:-1})) faults\$"
	ok 'the guest runs all the same' has '^1\.\.[0-9]+'
}

# lamina analyze on what the rings held: the platform
blamed_by_trace() {
	grep -a '^lamina: trace ' "$log" >"$work/trace.txt"
	code=0
	"$top/lamina" analyze "$work/trace.txt" >"$work/analyzed.txt" 2>&1 || code=$?
	[ "$code" -eq 4 ] && grep -q ' [1-9][0-9]* platform, 0 Lamina' "$work/analyzed.txt"
}

# The guest resets the machine: the firmware boots again, Lamina starts again, and its guest runs
judge_reset() {
	# shellcheck disable=SC2034 # qemu_command's
	qemu_words='-action reboot=reset'
	# shellcheck disable=SC2086
	boot lamina images_alive $opt
	ok 'no panic' count 0 '^lamina: PANIC'
	ok 'Lamina takes all CPUs twice' count 2 "^lamina: $cpus CPUs?, "
	ok 'and starts the guest twice' count 2 '^lamina: guest bios starts'
	ok 'the guest ends the second time' [ "$how" -eq 0 ]
}

# What lamina iso writes starts Lamina and then the machine's own disk
judge_iso() {
	boot lamina images_iso
	ok 'the disk runs on Lamina' has '^guest: alive at tick [0-9a-f]*, drive 80, virtualized$'
}

images_iso() {
	"$top/lamina" iso "$work/$sub/lamina.img" 2>"$work/iso.txt"
	cp "$build/test/alive.img" "$work/$sub/alive.img"
	cd=$work/$sub/lamina.img hd=$work/$sub/alive.img
}

# A disk whose first menu entry is the one that lamina install writes: Lamina starts once, and the same
# GRUB as its guest does not offer it again
judge_installed() {
	"$top/lamina" install --root "$work" >"$work/install.txt" 2>&1
	ok 'lamina install wrote its files' cmp "$build/lamina.elf" "$work/boot/lamina.elf"
	ok 'the script for update-grub is sound' sh -n "$work/etc/grub.d/42_lamina"
	boot lamina images_installed
	ok 'Lamina starts once' count 1 '^lamina: guest bios starts'
	ok 'as guest, GRUB goes on to the next entry' count 1 '^guest: the own system'
	ok 'and it powers off' has '^lamina: power-off'
}

images_installed() {
	{
		grub_head
		sed -n '/^insmod memrw/,/^fi$/p' "$work/etc/grub.d/42_lamina" |
			sed 's/\\\$/$/g; s,\$lamina guest,/lamina.elf guest,; /^\$(/d'
		echo 'menuentry own { echo guest: the own system; halt }'
	} >"$work/$sub/grub.cfg"
	grub_image "$work/$sub/disk.img" "$work/$sub/grub.cfg" "lamina.elf=$work/boot/lamina.elf"
	hd=$work/$sub/disk.img
}

# The guest triple-faults, and shutdown=panic shows the state
judge_panic() {
	# shellcheck disable=SC2086
	boot lamina images_alive $opt
	ok 'one panic, on CPU 0' count 1 '^lamina: PANIC on CPU 0: '
	ok "the guest's registers are shown" has '^lamina: guest RAX [0-9a-f]{16}'
	case $model in
	qemu:* | ryzen) rip='VMCB 578 RIP' checks=VMRUN ;;
	*) rip='VMCS 681e guest RIP' checks=VM-entry ;;
	esac
	ok "$rip is shown by name" has "^lamina: $rip +0*7c0e\$"
	ok "the $checks checks are evaluated" has "^lamina: $checks checks that do not hold: [0-9]+"
	ok 'all CPUs are stopped' has '^lamina: PANIC: all CPUs are stopped'
}

judge_refusal() {
	# shellcheck disable=SC2086
	boot lamina images_alive $opt
	ok 'no panic' count 0 '^lamina: PANIC'
	ok "one line says why: $text" count 1 "^lamina: .*$text"
	ok "the machine's own system boots, $runs" has "^guest: alive at tick [0-9a-f]*, drive 80, $runs\$"
}

# Lamina cannot run here: the Linux it was to start runs bare, on all CPUs
judge_bare() {
	# shellcheck disable=SC2086
	boot lamina images_linux $opt
	ok 'one line says why' count 1 '^lamina: cannot virtualize: '
	ok 'no CPU is virtualized' count 0 'virtualized by'
	rounds=1
	case ,$do, in *,suspend,*)
		rounds=3
		ok 'the guest comes back from two suspends' came_back
		;;
	esac
	ok "$cpus CPUs are bare" count $((rounds * cpus)) '^guest: cpu [0-9]+ bare'
	case ,$do, in *,vault,*)
		ok 'laminactl says so in one line, each time' count 2 '^laminactl: no Lamina here: '
		ok 'and fails' has '^guest: laminactl ends with 1'
		;;
	esac
	ok 'the guest came to its end' has '^guest: done'
}

# same_lines REGEX: what the two consoles have of such lines must be equal, and not nothing
same_lines() {
	grep -E -- "$1" "$work/bare/serial.txt" >"$work/bare/lines" &&
		grep -E -- "$1" "$work/lamina/serial.txt" >"$work/lamina/lines" &&
		cmp -s "$work/bare/lines" "$work/lamina/lines"
}

show_difference() {
	diff "$work/bare/lines" "$work/lamina/lines" | head -n 40 | sed 's/^/# /' >&2
}

judge_same() {
	ignore_bad_msrs=0
	shown=$model model=${bare:-$model}
	boot bare images_testkernel
	model=$shown
	ok 'the test kernel ends, bare' has '^1\.\.[0-9]+'
	ok 'and the machine is off' [ "$how" -eq 0 ]
	# shellcheck disable=SC2086
	boot lamina images_testkernel $opt
	ok 'no panic' count 0 '^lamina: PANIC'
	ok 'the test kernel ends, on Lamina' has '^1\.\.[0-9]+'
	ok 'and the machine is off' [ "$how" -eq 0 ]
	ok 'no case fails' count 0 '^(not ok|Bail)'
	ok 'no CR exit is unexpected' count 0 '^lamina: unexpected exit'
	ok 'its output is the same' same_lines '^(ok|not ok|1\.\.)'
	show_difference
}

# both WORDS...: the test kernel bare and on Lamina, with these words before those of the case
both() {
	all_tk=$tk tk="$* $tk" shown=$model model=${bare:-$model}
	boot bare images_testkernel
	model=$shown
	# shellcheck disable=SC2086
	boot lamina images_testkernel $opt
	tk=$all_tk
}

# first_difference: of the lines of group fuzz: "FROM TO CPU" of the first that the two do not share
first_difference() {
	same_lines '^ok .*: cases' || diff "$work/bare/lines" "$work/lamina/lines" |
		sed -n 's/^[<>].*: cases \([0-9]*\) to \([0-9]*\) of CPU \([0-9]*\) .*/\1 \2 \3/p' | head -n 1
}

# The batch that differs is run again case by case, then the case alone: its bytes and registers are in the log
show_case() {
	words=$(first_difference)
	[ -n "$words" ] || return 0
	# shellcheck disable=SC2086
	set -- $words
	both "fuzz.stream=same fuzz.cpu=$3 fuzz.from=$1 fuzz.count=$(($2 - $1 + 1)) fuzz.batch=1"
	words=$(first_difference)
	[ -n "$words" ] || {
		echo "# cases $1 to $2 of CPU $3 differ together, each alone does not" >&2
		return 0
	}
	# shellcheck disable=SC2086
	set -- $words
	both "fuzz.stream=same fuzz.cpu=$3 fuzz.from=$1 fuzz.count=1"
	echo "# case $1 of CPU $3, bare, and where it differs on Lamina:" >&2
	grep -E '^# (cpu [0-9]+, .* bytes|code|in|out)' "$work/bare/serial.txt" >&2
	grep '^# out' "$work/bare/serial.txt" >"$work/bare/lines"
	grep '^# out' "$work/lamina/serial.txt" >"$work/lamina/lines"
	show_difference
}

judge_fuzz() {
	judge_same
	ok 'no verdict on CR0 and CR4 is needed' count 0 '^lamina: .*; verdict: '
	[ "$failed" -eq 0 ] || show_case
}

# Every case of the plan, and none skipped
all_ok() {
	plan=$(sed -n 's/^1\.\.\([0-9][0-9]*\)$/\1/p' "$log")
	[ "${plan:-0}" -gt 1 ] && count "$plan" '^ok [0-9]+ - ' && count 0 '# SKIP'
}

# The test kernel bare, where it is a hypervisor itself or judges the platform
judge_kernel() {
	ignore_bad_msrs=0
	boot bare images_testkernel
	ok 'the test kernel ends' has '^1\.\.[0-9]+'
	ok 'no case fails' count 0 '^(not ok|Bail)'
	ok 'every case of its plan is ok, and ran' all_ok
}

# A device as attacker: kept out, and let in where the IOMMU is not used
judge_dma() {
	# shellcheck disable=SC2086
	boot lamina images_testkernel $opt
	ok 'Lamina programs the IOMMU' has '^lamina: (VT-d|AMD-Vi), 1 units: devices cannot write'
	ok 'every case of the plan is ok' all_ok
	# QEMU's AMD-Vi logs no fault of an address that is not there
	case $qemu_words in *amd-iommu*) ;; *) ok 'the report says what was kept from what' has '^lamina: .*: device 00:[0-9a-f]+\.0 was kept from ' ;; esac
	boot open images_testkernel iommu=off
	ok 'without it Lamina says so' has '^lamina: no IOMMU is used: devices can write'
	ok 'and the attacks succeed' count 4 '^not ok [0-9]+ - dma: '
	ok 'the others are ok' count 3 '^ok [0-9]+ - (dma|smp): '
}

judge_hostile() {
	append="$append lamina.do=hostile"
	boot bare images_linux vmx=off
	ok 'bare, no CPU is virtualized' count 0 'virtualized by'
	boot lamina images_linux
	ok "on Lamina, all CPUs are" all_virtualized
	ok 'the same signals' same_lines '^hostile: '
	ok 'on Lamina, the guest came to its end' has '^guest: done'
	show_difference
}
