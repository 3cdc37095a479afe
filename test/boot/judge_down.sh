# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154,SC2034 # the variables are run-case's
# Secrets, and all memory of a machine that has been taken down.

# memory_when_down DIR: once the machine is down, QEMU's monitor saves its memory, and ends it
memory_when_down() {
	mkdir -p "$1"
	mkfifo "$1/monitor.in" "$1/monitor.out"
	(
		exec 3<>"$1/monitor.in" 4<>"$1/monitor.out"
		until grep -q '^guest: going down' "$1/serial.raw" 2>/dev/null; do
			[ -e "$1/monitor.in" ] || exit 0
			sleep 0.1
		done
		for _ in $(seq 100); do
			echo 'info status' >&3
			while IFS= read -r answer <&4; do
				case $answer in *'VM status'*) break ;; esac
			done
			! grep -q '^lamina: PANIC: all CPUs are stopped' "$1/serial.raw" || break
			case $answer in *'paused (shutdown)'* | *'paused (suspended)'*) break ;; esac
			sleep 0.1
		done
		printf 'pmemsave 0 %s memory.bin\nquit\n' $((memory * 1048576)) >&3
	) &
}

# pictured SUB MAKE_IMAGES ARGUMENT...: as boot; what memory holds at the end is in $dump
pictured() {
	memory_when_down "$work/$1"
	boot "$@"
	rm "$work/$1/monitor.in" "$work/$1/monitor.out"
	kill $! 2>/dev/null || : # QEMU has gone by its order, or it waits for nobody
	wait
	dump=$work/$1/memory.bin
}

# went_down WAY HYPAPP: the guest takes the machine down so, with that hypapp of the test build; its memory is in $dump
went_down() {
	way=$1
	pictured "$1" images_down "hypapps=$2" "$opt"
	ok "$1: the guest has run, and Lamina's memory is in the picture" found "Lamina's own memory"
}

images_down() {
	images_alive "$@"
	printf %s "${way%%-*}" | dd of="$work/$sub/sector.img" bs=1 seek=508 conv=notrunc status=none
}

found() {
	grep -q '^guest: going down' "$log" && [ "$(stat -c %s "$dump")" -eq $((memory * 1048576)) ]
}

# A secret of a hypapp's is nowhere in the memory of a machine that has been reset or switched off, in any of these ways
judge_wiped() {
	elf=$build/inject/lamina.elf sector=down secret="lamina's test secret"
	qemu_words='-no-shutdown -chardev pipe,id=monitor,path=monitor -mon chardev=monitor,mode=readline'
	for way in $ways; do
		went_down "$way" secret
		ok "$way: the secret is nowhere" count_secrets 0
		rm -f "$dump"
	done
	went_down "${way%% *}-kept" secret-kept
	ok 'what is not wiped is found' [ "$(secrets)" -gt 100 ]
	rm -f "$dump"
}

away='isolcpus=1 irqaffinity=0' # what runs on a CPU that is taken away is lost

# A program's vault is found in the memory of the running machine, and not when Linux has taken it down in any of these ways
judge_held() {
	qemu_words='-no-shutdown -chardev pipe,id=monitor,path=monitor -mon chardev=monitor,mode=readline'
	secret="lamina's vaulted secret." common=$append
	for way in $ways; do
		append="$common lamina.do=hold,$way" how_down=''
		case $way in
		panic) append="$append reboot=t" how_down='shutdown=panic' ;;
		init) append="$append $away kept" ;;
		esac
		# shellcheck disable=SC2086 # words
		pictured "$way" images_linux $opt $how_down
		ok "$way: the guest holds a vault, and has ended as it should" held "$way"
		case $way in
		kept) ok "$way: its secret is in the picture" [ "$(secrets)" -gt 0 ] ;;
		*) ok "$way: its secret is nowhere" count_secrets 0 ;;
		esac
		rm -f "$dump"
	done
}

# The same where no picture is taken: the program that held it looks itself
judge_away() {
	append="$append lamina.do=hold,init $away" end_text='guest: going down'
	# shellcheck disable=SC2086
	boot lamina images_linux $opt
	ok 'a vault is held and wiped at an INIT of its CPU' wiped_by_init
	ok 'and the guest lives on' has '^guest: going down'
}

wiped_by_init() {
	has '^guest: vault: an INIT of its CPU ends it: yes' && has '^guest: vault: and wipes it: yes'
}

held() {
	end='never'
	case $1 in
	off) end='^lamina: power-off at tick' ;;
	reset) end='reboot: Restarting system' ;;
	panic) end='^lamina: PANIC on CPU [0-9]+: the guest shut CPU' ;;
	kept) end='^guest: going down' ;;
	init) wiped_by_init && end='^guest: vault: held' ;;
	esac
	has '^guest: vault: held' && has "$end" && found
}

secrets() {
	grep -a -o "$secret" "$dump" | wc -l
}

count_secrets() {
	[ "$(secrets)" -eq "$1" ]
}
