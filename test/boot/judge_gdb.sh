# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # the variables are run-case's
# A stock gdb stops a Linux guest, looks, and lets it go on to its end.
# gdb connects while Linux starts: before break= is reached, or when Linux already waits there. Both go on alike.

# address SYMBOL: of the guest's kernel
address() {
	awk -v name="$1" '$3 == name { print $1 }' "$build/guest/symbols"
}

gdb_script() {
	banner=$(address linux_banner)
	cat <<-EOF
		set pagination off
		printf "protected: %d\n", \$cr0 & 1
		if \$rip != 0x$waits
		  continue
		end
		info symbol \$rip
		printf "return address: "
		info symbol *(unsigned long *)\$rsp
		x/s 0x$banner
		monitor cr
		x/2i \$rip
		set var \$next = (unsigned long)\$_
		stepi
		printf "one on: %d\n", \$rip == \$next
		break *free_initmem
		continue
		info symbol \$rip
		delete
		monitor memory physical
		x/s 0x${banner#ffffffff8}
		monitor memory linear
		continue
		info threads
		break *__x64_sys_reboot
		continue
		info symbol \$rip
		info threads
		thread $cpus
		printf "its efer: %d\n", (\$efer & 0x500) == 0x500
		set var \$was = \$r15
		set var \$r15 = 0x1234
		printf "r15: %x\n", \$r15
		set var \$r15 = \$was
		monitor exits
		monitor vmcs
		monitor banana
		delete
		detach
	EOF
}

# gdb_says N REGEX
gdb_says() {
	[ "$(grep -Ec -- "$2" "$work/gdb.txt")" -eq "$1" ]
}

# Ctrl-C for gdb once Linux has reached its first program
interrupt_gdb() {
	until grep -qs '^guest: userspace' "$work/lamina/serial.raw"; do sleep 0.2; done
	for pid in $(pgrep -f -- "-x $work/script"); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != gdb ] || kill -INT "$pid"
	done
}

judge_gdb() {
	waits=$(address kernel_init_freeable)
	gdb_script >"$work/script"
	gdb_line "$work/gdb"
	mkdir -p "$work/lamina"
	(
		until grep -qs '^lamina: guest linux starts' "$work/lamina/serial.raw"; do sleep 0.2; done
		timeout "$limit" "$top/lamina" gdb --at "$work/gdb" --symbols "$build/guest/symbols.elf" -- \
			-batch -x "$work/script" >"$work/gdb.txt" 2>&1
	) &
	driver=$!
	interrupt_gdb &
	interrupter=$!
	# shellcheck disable=SC2086
	boot lamina images_linux gdb=com2 break.action=wait break="$waits" $opt
	wait $driver || :
	kill $interrupter 2>/dev/null || :
	[ -z "${gdb_pid:-}" ] || kill "$gdb_pid" 2>/dev/null || :
	judge_guest
	ok 'gdb stops the guest' gdb_says 1 '^protected: 1$'
	ok 'it steps to the next instruction' gdb_says 1 '^one on: 1$'
	ok 'break= stops at the first instruction of kernel_init_freeable' gdb_says 1 '^kernel_init_freeable in section'
	ok 'where it was called from is on its stack' gdb_says 1 '^return address: kernel_init \+ '
	ok "memory is the guest's, by linear and by physical address" gdb_says 2 '"Linux version [0-9]'
	ok 'a breakpoint of gdb stops too' gdb_says 1 '^free_initmem in section'
	ok 'Ctrl-C stops it in the middle' gdb_says 1 'received signal SIGINT'
	ok 'and one at the end' gdb_says 1 '^__x64_sys_reboot in section'
	ok 'each CPU is a thread, twice' gdb_says "$((2 * cpus))" '^[* ] [0-9]+ +Thread [0-9]+ \(CPU [0-9]+, '
	ok "another CPU's registers are read" gdb_says 1 '^its efer: 1$'
	ok 'and changed' gdb_says 1 '^r15: 1234$'
	ok 'monitor cr shows what hw, mask and shadow hold, of each CPU' gdb_says "$cpus" \
		'^cpu [0-9]+ CR0 hw [0-9a-f]+ owned [0-9a-f]+ shadow [0-9a-f]+, CR4 hw [0-9a-f]+ owned [0-9a-f]+ shadow [0-9a-f]+$'
	ok 'monitor exits counts them' gdb_says 1 '^exits total [0-9]+$'
	ok 'monitor vmcs dumps' [ "$(wc -l <"$work/gdb.txt")" -gt 60 ]
	ok 'monitor tells what it knows' gdb_says 7 '^monitor [a-z]+ '
	[ "$failed" -eq 0 ] || tail -n 60 "$work/gdb.txt" | sed 's/^/#   /' >&2
}
