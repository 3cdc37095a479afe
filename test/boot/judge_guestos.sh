# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154,SC2034 # the variables are run-case's, and boot's
# Judge guestos: a system that is not ours, from test/boot/guests, natively and on Lamina, by what it prints. Lamina's
# own lines go to COM2, so that COM1 is all the guest's.

# text_of SUB: what the guest said, a line for each piece of a screen. A carriage return ends one: a guest that does
# not wait for the UART loses line feeds.
text_of() {
	tr '\r' '\n' <"$work/$1/serial.raw" | sed 's/\x1b\[[0-9;?]*[A-Za-z]/\n/g' | grep .
}

# guest_file NAME=PATH: the same, with a real path
guest_file() {
	case ${1#*=} in
	build/* | test/*) echo "${1%%=*}=$top/${1#*=}" ;;
	@initrd) echo "${1%%=*}=$build/guest/initrd32.gz" ;;
	@kernel) echo "${1%%=*}=$guest_dir/${packages#*:}/boot/vmlinuz$unpacked" ;;
	*)
		for package in $packages; do
			[ ! -e "$guest_dir/${package#*:}/${1#*=}" ] || echo "${1%%=*}=$guest_dir/${package#*:}/${1#*=}"
		done
		;;
	esac
}

# the guest's disk; on Lamina, with a CD that has Lamina, or started by Lamina itself
images_guestos() {
	files=''
	for file in $(guest_field "$guest" 3 | tr ';' ' '); do
		files="$files $(guest_file "$file")"
	done
	{
		grub_head
		echo 'echo guest: GRUB'
		echo lsmmap
		guest_field "$guest" 4 | tr ';' '\n' | sed "s|@append|$append|; s/^ *//"
		case $(guest_field "$guest" 4) in *menuentry*) ;; *) echo boot ;; esac
	} >"$work/$sub/guest.cfg"
	if [ "$sub" = lamina ] && [ "$start" = linux ]; then
		# shellcheck disable=SC2086
		set -- $files
		initrd=$build/guest/initrd32.gz
		linux_on_lamina "$work/$sub" "guest=linux serial=com2 $opt" \
			"$(sed -n 's|^linux /vmlinuz ||p' "$work/$sub/guest.cfg")" "${1#*=}"
		hd=$work/$sub/lamina.img
		return
	fi
	# shellcheck disable=SC2086
	grub_image "$work/$sub/guest.img" "$work/$sub/guest.cfg" $files
	hd=$work/$sub/guest.img
	[ "$sub" = bare ] || {
		disk_on_lamina "$work/$sub" "guest=bios drive=hd0 serial=com2 $opt"
		cd=$work/$sub/lamina.img
	}
}

# ended: as the guest is to end
ended() {
	if [ "$end" = - ]; then
		[ "$how" -eq 0 ] && has '^guest: (done|alive)'
	else
		[ "$how" -eq 5 ]
	fi
}

# compared SUB: the lines that must be the same. CPUs may speak in any order.
compared() {
	case $same in
	+*) text_of "$1" | grep -oE -- "${same#+}" ;;
	-*) text_of "$1" | grep -vE -- "${same#-}" ;;
	esac | sed 's/ virtualized by lamina$/ bare/' | sort -u
}

same_text() {
	compared bare >"$work/bare/lines"
	compared lamina >"$work/lamina/lines"
	[ -s "$work/bare/lines" ] && cmp -s "$work/bare/lines" "$work/lamina/lines"
}

# bytes_of SUB SED: the memory that these figures tell, and what one of them may be off
bytes_of() {
	text_of "$1" | sed -nE "$2" | sort -u | {
		sum=0 off=0
		while read -r a b; do
			case $b in
			'') sum=$((a * 1024)) off=1023 ;;
			MB) off=1048575 && [ "$sum" -gt $((a << 20)) ] || sum=$((a << 20)) ;;
			*) sum=$((sum + b - a)) ;;
			esac
		done
		echo "$sum $off"
	}
}

# ours SED: native memory less that on Lamina is what Lamina said it takes
ours() {
	took=$(sed -n 's/^lamina: memory .*(\([0-9]*\) KiB) taken$/\1/p' "$said")
	# shellcheck disable=SC2046
	set -- $(bytes_of bare "$1") $(bytes_of lamina "$1")
	off=$(($1 - $3 - took * 1024))
	[ "$1" -gt 0 ] && [ "${off#-}" -le "$2" ]
}

# Each CPU ran on Lamina: Linux asks on each, pinned; a boot sector asks; of others the log has accesses of each CPU to
# its control registers
each_cpu() {
	if has '^guest: alive'; then
		has 'virtualized$'
	elif [ "$end" = - ]; then
		[ "$(virtualized "$log")" -eq "$used" ]
	else
		for cpu in $(seq 0 $((cpus - 1))); do
			grep -Eq "^lamina: cpu $cpu [0-9a-f]+:[0-9a-f]+ .*: accepted" "$said" || return 1
		done
	fi
}

# figure: how long it took: ticks where the emulator counts them, else tenths of a second
figure() {
	case $model in
	qemu:*) echo "$tenths" ;;
	*) sed -n 's/^Next at t=//p; s/^0*\([0-9]*\)p\[.*/\1/p' "$work/$sub/bochs.txt" | tail -n 1 ;;
	esac
}

# says PATTERN COUNT: that many of Lamina's lines
says() {
	[ "$(grep -Ec -- "$1" "$said")" -eq "$2" ]
}

# boot_guest SUB: boots it and adds to $figures
boot_guest() {
	boot "$1" images_guestos
	figures="$figures $(figure)"
}

judge_guestos() {
	packages=$(guest_field "$guest" 2) end=$(guest_field "$guest" 5) same=$(guest_field "$guest" 6)
	memory_sed=$(guest_field "$guest" 7) never=$(guest_field "$guest" 8) figures=''
	append=$(echo "$append lamina.do=facts" | sed 's/ nokaslr//')
	used=$cpus qemu_words=${screen:+-machine graphics=off}
	case $(guest_field "$guest" 4) in *' nosmp '*) used=1 ;; esac
	unpacked=-unpacked com2=lamina.raw end_text=''
	case $model in qemu:*) unpacked='' ;; esac
	[ "$end" = - ] || end_text=$end opt="$opt log=cr cr0.own=pg"
	boot_guest bare
	ok 'natively, it comes to its end' ended
	boot_guest lamina
	said=$work/lamina/lamina.txt
	plain "$work/lamina/lamina.raw" >"$said"
	ok 'no panic' says '^lamina: PANIC' 0
	ok "Lamina found $cpus CPUs" says "^lamina: $cpus CPUs?" 1
	ok 'the probe finds no fault' says ' steps each, 0 faults$' 1
	ok 'on Lamina, it comes to the same end' ended
	ok 'what it says is the same' same_text
	show_difference
	[ "$start" = linux ] ||
		ok 'its GRUB sees all memory but ours' ours 's/^base_addr = .* length = (0x[0-9a-f]+), available.*/0 \1/p'
	[ "$memory_sed" = - ] || ok 'it sees all memory but ours' ours "$memory_sed"
	[ "$never" = - ] || ok "it does not say $never" count 0 "$never"
	ok "each of $used CPUs ran on Lamina" each_cpu
	ok 'no CR exit is unexpected' says '^lamina: unexpected exit' 0
	echo "$guest $model $cpus $start $failed$figures" >"$work/figures"
}
