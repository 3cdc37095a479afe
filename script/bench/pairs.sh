# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154,SC2034 # the variables are lamina-bench.sh's and boot.sh's
# Figures from QEMU, by the clock. Its CPUs are threads of the host, and the TSC is the host's: what else the
# host does is in every figure. So boots with and without Lamina take turns, each pair gives one ratio, and
# their spread says how much the median is worth. The processor time of the emulator varies less.

# pair_boot NAME CPUS OPTIONS: boots Linux once; taken: "SECONDS PROCESSOR-SECONDS" from the guest's start to userspace
pair_boot() {
	linux_machine "$1" "$2" "$3"
	run --times times --stage 'guest=lamina: guest ' --stage 'userspace=guest: userspace'
	taken=$(awk '{ at[$1] = $2; cpu[$1] = $3 }
		END { print at["userspace"] - at["guest"], cpu["userspace"] - cpu["guest"] }' "$dir/times")
}

# bench_pair CPUS: the pairs of boots, a line each in $work/pairs: seconds and processor seconds, native and on Lamina
bench_pair() {
	: >"$work/pairs$1"
	for pair in $(seq "$pairs"); do
		pair_boot "linux on $1 CPUs, native, $pair" "$1" vmx=off
		native=$taken
		pair_boot "linux on $1 CPUs, Lamina, $pair" "$1" ''
		all_on_lamina
		echo "$native $taken" >>"$work/pairs$1"
	done
	result "qemu$1" 1 "$(ratios "$work/pairs$1" 1 3 '%.4f')" "$(pair_note "$work/pairs$1")"
}

# ratios FILE COLUMN COLUMN [FORMAT]: median of the lines' ratios; without FORMAT also least and greatest
ratios() {
	awk -v native="$2" -v ours="$3" '{ printf "%.4f\n", $ours / $native }' "$1" | sort -n |
		awk -v format="${4:-%.3f (%.3f to %.3f)}" '{ r[NR] = $1 }
			END { printf format, (r[int((NR + 1) / 2)] + r[int(NR / 2) + 1]) / 2, r[1], r[NR] }'
}

# pair_note FILE: and how much the native boots differ by themselves, which no ratio can be finer than
pair_note() {
	echo "$(wc -l <"$1") pairs: $(ratios "$1" 1 3), of processor time: $(ratios "$1" 2 4)," \
		"slowest native boot / quickest: $(awk '{ print $1 }' "$1" | sort -n |
			awk 'NR == 1 { least = $1 } END { printf "%.2f", $1 / least }')"
}

# bench_insns: with -icount the emulated clock counts instructions, and two boots differ only in those
bench_insns() {
	icount=1
	linux_machine 'linux on 1 CPU, counted, native' 1 vmx=off
	run
	native=$(linux_ticks)
	linux_machine 'linux on 1 CPU, counted, Lamina' 1 ''
	run
	all_on_lamina
	icount=''
	result insns 1 "$(over "$(linux_ticks)" "$native")"
}

bench_pairs() {
	! wanted insns || bench_insns
	! wanted linux1 || bench_pair 1
	! wanted linux2 exits || bench_pair 2
	! wanted exits || cp "$log" "$work/exits"
}
