# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154,SC2034 # sourced by test/boot/run-case
# The trace by each way out: by the serial line at power-off and at a panic, from a picture of memory, by hypercall; and
# by each tool that reads what lamina trace makes of it.

need 'read what lamina trace writes' babeltrace2 protobuf-compiler=protoc gnuplot-nox=gnuplot jq
make -s -C "$top" build/asan/lamina-trace build/lamina-trace >"$work/make.log" 2>&1 || ok 'lamina trace builds' false

# tell CODE FORMAT IN OUT: ends with this code, and says what it found in $work/said
tell() {
	code=0
	timeout 60 "$build/asan/lamina-trace" "$2" "$3" "$4" >"$work/stdout" 2>"$work/said" || code=$?
	[ "$code" -eq "$1" ] && [ "$(wc -l <"$work/said")" -eq 1 ]
}

# said REGEX
said() {
	grep -Eq -- "$1" "$work/said"
}

# shown FILE N REGEX: at least N lines of it
shown() {
	[ "$(grep -Ec -- "$3" "$1")" -ge "$2" ]
}

records_in() {
	sed -n 's/^trace: \([0-9]*\) records.*/\1/p' "$work/said"
}

# When the guest has switched the machine off, which now only stands: a picture of its memory, and the end. To open a
# pipe both ways waits for nobody, so this ends also where the emulator never starts.
take_picture() {
	exec 3<>"$1/mon.in" 4<>"$1/mon.out"
	for _ in $(seq 600); do
		! grep -q 'lamina: exits total' "$1/serial.raw" 2>/dev/null || break
		sleep 0.1
	done
	for _ in $(seq 300); do # the trace comes behind that
		echo 'info status' >&3
		! timeout 0.1 cat <&4 | grep -q 'paused (shutdown)' || break
	done
	echo "pmemsave 0 $((memory << 20)) memory.bin" >&3
	echo quit >&3
}

# --- AMD-V in QEMU: power-off, and a picture of memory
dir=$work/off
mkdir -p "$dir"
mkfifo "$dir/mon.in" "$dir/mon.out"
qemu_words='-no-shutdown -chardev pipe,id=mon,path=mon -mon chardev=mon'
take_picture "$dir" >/dev/null 2>&1 &
boot off images_testkernel trace_out=serial
wait
qemu_words=''
ok 'the test kernel has read its trace by hypercall' count 0 '^not ok|^Bail'
cp "$dir/serial.raw" "$work/serial"
ok 'the serial log: all that the rings held' tell 0 show "$work/serial" "$work/serial.txt"
serial_records=$(records_in)
ok 'two rings' said ' of 2 blocks'
ok 'both CPUs have filled theirs' [ "$serial_records" -eq 254 ]
ok 'with hypercalls, by number' shown "$work/serial.txt" 10 ' cpu0 .* HYPERCALL +rip=[0-9a-f]+ eax=4c4d0007'
ok 'and of the other CPU' shown "$work/serial.txt" 100 ' cpu1 '
ok 'the picture of memory: all' tell 0 show "$dir/memory.bin" "$work/memory.txt"
ok 'the two rings, and what a hypercall had copied' said ' of 3 blocks'
same_as_serial() {
	sort "$work/memory.txt" >"$work/memory.sorted"
	sort "$work/serial.txt" | comm -23 - "$work/memory.sorted" >"$work/missing"
	[ ! -s "$work/missing" ] # the picture has what was newer, and one that is older
}
ok 'each record of the serial log is in the picture' same_as_serial
rm -f "$dir/memory.bin"

# --- VT-x in Bochs: a panic
model=corei7_skylake_x tk=''
boot panic images_alive shutdown=panic trace_out=serial
cp "$work/panic/serial.raw" "$work/panicked"
ok 'the serial log of a panic: all' tell 0 show "$work/panicked" "$work/panic.txt"
ok 'the last exit is the shutdown' shown "$work/panic.txt" 1 ' cpu0 .* SHUTDOWN '

# --- what other tools make of it
ok 'perfetto' tell 0 perfetto "$work/serial" "$work/serial.perfetto"
protoc --proto_path="$top/test/trace" --decode=Trace "$top/test/trace/perfetto.proto" <"$work/serial.perfetto" >"$work/perfetto.txt" || :
ok 'protoc knows all its fields' [ "$(grep -Ec '^ *[0-9]+[: ]' "$work/perfetto.txt")" -eq 0 ]
ok 'and finds each record' [ "$(grep -c 'type: TYPE_INSTANT' "$work/perfetto.txt")" -eq "$serial_records" ]
ok 'and a track for each CPU' [ "$(grep -c '^  track_descriptor' "$work/perfetto.txt")" -eq 2 ]
rm -rf "$work/ctf"
ok 'CTF' tell 0 ctf "$work/serial" "$work/ctf"
babeltrace2 "$work/ctf" >"$work/ctf.txt" 2>"$work/ctf.err" || :
ok 'babeltrace2 reads it without a word' [ ! -s "$work/ctf.err" ]
ok 'and finds each record' [ "$(wc -l <"$work/ctf.txt")" -eq "$serial_records" ]
ok 'and the numbers of hypercalls' shown "$work/ctf.txt" 10 'what = \( "HYPERCALL" : container = 15 \).* about = 0x4C4D0007'
ok 'Chrome' tell 0 chrome "$work/serial" "$work/chrome.json"
ok 'jq finds each record' [ "$(jq '.traceEvents | length' "$work/chrome.json")" = "$serial_records" ]
ok 'a plot' sh -c "'$top/lamina' trace plot --png '$work/plot.png' '$work/serial'"
ok 'is a picture' sh -c "head -c 4 '$work/plot.png' | grep -q PNG"
ok 'a plot for the terminal' sh -c "'$top/lamina' trace plot '$work/serial' | grep -q HYPERCALL"

# curves that fill the plot leave the names to be read
names_stay() {
	"$build/lamina-trace" plot "$work/serial" "$work/program" 2>/dev/null
	{
		echo 'set terminal dumb size 100,30'
		awk '/^[$]d/ { n = 0 } /^[0-9]/ { $2 = 16 * (n++ % 2) } { print }' "$work/program"
	} | gnuplot | grep -q 'HYPERCALL, [0-9]'
}
ok 'its names are never drawn over' names_stay

# each line that our list has is Linux's own
calls_are_linux() {
	echo '#include <asm/unistd_64.h>' | gcc -E -dM - |
		sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9]*\)$/SYSCALL(\2, "\1")/p' >"$work/calls"
	[ "$(grep -cxFf "$work/calls" "$top/tools/trace/syscalls.def")" -eq "$(grep -c '^SYSCALL' "$top/tools/trace/syscalls.def")" ]
}
ok 'the names of system calls are those of Linux' calls_are_linux

# --- what is damaged or cut off
ok 'a line is damaged' sh -c "sed '/trace 314543/!s/\(lamina: trace ................ ......\)./\1x/;60q' '$work/serial' >'$work/damaged'"
ok 'the rest is there, and it says so' tell 3 show "$work/damaged" -
ok 'in one line' said 'LOST: damaged|LOST: cut off'
head -c $(($(stat -c %s "$work/serial") - 4000)) "$work/serial" >"$work/cut"
ok 'it ends early' tell 3 show "$work/cut" -
ok 'what is missing is counted' said 'LOST: cut off'
ok 'no trace at all' tell 1 show "$top/README.md" -
ok 'no such file' tell 1 show "$work/none" -
ok 'nowhere to write' tell 1 chrome "$work/serial" /no/such/file
ok 'a full disk' tell 1 chrome "$work/serial" /dev/full
ok 'a folder that is there' tell 1 ctf "$work/serial" "$work"
for n in $(seq 3000); do cat "$work/serial"; done | (ulimit -v 60000 && "$build/lamina-trace" show - -) >"$work/many" 2>"$work/said"
ok 'a big trace is read in a stream' said "^trace: $serial_records records of 6000 blocks, .*, [0-9]+ were there twice\$"
rm -f "$work/many"
