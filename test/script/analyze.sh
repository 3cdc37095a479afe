# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # sourced by test/boot/run-case
# lamina analyze on the logs of test/analyze, whose names begin with the verdict that is due.

program=$build/lamina-analyze
make -s -C "$top" build/lamina-analyze >"$work/make.log" 2>&1 || ok 'the analysis builds' false

# ends CODE FILE: with this code, and without a word on stderr unless that is 1
ends() {
	code=0
	timeout 20 "$program" "$2" >"$work/out" 2>"$work/err" || code=$?
	[ "$code" -eq "$1" ] && { [ "$1" -eq 1 ] || [ ! -s "$work/err" ]; }
}

# says TEXT: in what was said last
says() {
	grep -qF -- "$1" "$work/out"
}

code_of() {
	case $1 in
	ok) echo 0 ;; nothing) echo 1 ;; guest) echo 3 ;; platform) echo 4 ;; lamina) echo 5 ;; undecided) echo 6 ;;
	esac
}

for verdict in ok nothing guest platform lamina undecided; do
	files=0
	for file in "$top/test/analyze/$verdict-"*.log; do
		files=$((files + 1))
		ok "$(basename "$file" .log)" ends "$(code_of "$verdict")" "$file"
	done
	[ "$verdict" = nothing ] || ok "at least 3 logs: $verdict" [ "$files" -ge 3 ]
done

ends 4 "$top/test/analyze/platform-scenario.log"
ok 'the scenario: what was due' says 'it may read 20 (L1); a write of 2030 exits (L2)'
ok 'the scenario: who' says 'verdict: platform: its code sets only 10, and wrote 2030: it must have read VMXE'
ends 6 "$top/test/analyze/undecided-scenario.log"
ok 'its two lines alone do not decide, and what would is said' says 'decides: mask and read shadow of that CPU'
ends 6 "$top/test/analyze/undecided-scenario-state.log"
ok 'nor with mask and shadow: what the guest read is missing' says 'decides: what the guest read before'
ends 4 "$top/test/analyze/platform-sregs.log"
ok 'the userspace of L0 is told' says 'verdict: platform: L0 userspace: '
ends 4 "$top/test/analyze/platform-smi.log"
ok 'the kernel of L0 is told' says 'verdict: platform: L0 kernel: '

# A log that ends anywhere, and one of all mixed
cut_anywhere() {
	file=$top/test/analyze/platform-probe.log
	for n in $(seq 1 "$(stat -c %s "$file")"); do
		head -c "$n" "$file" >"$work/cut"
		code=0
		timeout 20 "$program" "$work/cut" >"$work/out" 2>&1 || code=$?
		case $code in 0 | 1 | 4) ;; *) return 1 ;; esac
	done
}
ok 'a log may end at any byte' cut_anywhere
cat "$top"/test/analyze/*.log >"$work/all"
ok 'all logs in one: Lamina goes first' ends 5 "$work/all"
gzip -c "$program" | head -c 30000 | cat - "$top/test/analyze/guest-code.log" >"$work/binary"
ok 'behind what is no text' ends 3 "$work/binary"
{
	head -c 5000000 /dev/zero | tr '\0' x
	echo
	cat "$top/test/analyze/guest-code.log"
} >"$work/long"
ok 'behind a line of 5 MB' ends 3 "$work/long"
sed '/^lamina: cpu/s/MOV CR4 20 /MOV CR4 2 /' "$top/test/analyze/platform-probe.log" >"$work/damaged"
ends 4 "$work/damaged"
ok 'a line of Lamina that is damaged is counted' says "1 of Lamina's damaged or cut off"
: >"$work/empty"
ok 'nothing in it' ends 1 "$work/empty"
ok 'which is said in one line' [ "$(wc -l <"$work/err")" -eq 1 ]
ok 'no such file' ends 1 "$work/none"
ok 'a folder' ends 1 "$work"
for n in $(seq 200000); do echo 'lamina: cpu 0 0008:6a29be MOV CR4 20 -> 30 hw 2020 owned 2010 shadow 0: accepted'; done |
	sed '1s/^/lamina: 1 CPUs, VT-x, CPUs are started by INIT and SIPI exits\n/' >"$work/many"
ok 'a long log is read in a stream' sh -c "ulimit -v 40000; '$program' - <'$work/many' | grep -q '^200001 lines'"
