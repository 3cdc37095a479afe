# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# GRUB images and the emulator. The images are hybrids: the same file is a CD and a hard disk.

need_emulator() {
	need 'make bootable images' grub-common=grub-mkrescue grub-pc-bin=/usr/lib/grub/i386-pc xorriso \
		mtools=mformat
	need 'emulate a machine with VT-x' bochs bochsbios=/usr/share/bochs/BIOS-bochs-latest
	need 'emulate a machine with AMD-V' qemu-system-x86=qemu-system-x86_64
}

# grub_head: the first lines of a grub.cfg that talks to COM1. The variable turns, if set, makes GRUB idle for
# so many turns of a loop: what comes after starts elsewhere between two timer ticks. badram, if set, is what GRUB's
# command of that name takes out of the memory map.
grub_head() {
	[ -z "${turns:-}" ] || echo "for i in $(seq -s ' ' "$turns"); do true; done"
	[ -z "${badram:-}" ] || echo "badram $badram"
	cat <<-'EOF'
		set timeout=0
		serial --unit=0 --speed=115200
		terminfo serial dumb
		terminal_output serial
	EOF
}

# grub_image OUT GRUB_CFG NAME=FILE...: a GRUB image with these files in its root
grub_image() {
	out=$1 cfg=$2
	shift 2
	grub-mkrescue -d /usr/lib/grub/i386-pc -o "$out" "boot/grub/grub.cfg=$cfg" "$@" \
		>"$out.log" 2>&1 || die "grub-mkrescue failed: $(tail -n 1 "$out.log")"
	rm "$out.log"
	# whole cylinders of 16 x 63 sectors, as the emulator wants of a disk
	truncate -s %516096 "$out"
}

# bochsrc: the configuration of a machine, on stdout, from the variables model cpus memory (MiB) rom
# (empty: Bochs's own) com1 (Bochs's options) com2 (a file that takes what goes out there) gdb (the same port: see gdb_line) hd hd_mode cd, those not needed empty; ignore_bad_msrs=0 lets
# unknown MSRs fault as on hardware, which Linux survives but complains about. One instruction is
# one tick on every CPU, and the clock starts at a fixed time: runs repeat exactly. On ryzen the CPUs may panic:
# an exit from virtual-8086 mode and one for a shutdown do, and then what is right (see bochs_panics).
bochsrc() {
	host=$memory
	[ "$host" -le 1024 ] || host=1024
	panics=''
	[ "$model" != ryzen ] || panics=$(seq -f ', CPU%g=report' -s '' 0 $((cpus - 1)))
	cat <<-EOF
		display_library: rfb, options="timeout=0"
		sound: driver=dummy
		cpu: model=$model, count=$cpus, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=${ignore_bad_msrs:-1}
		memory: guest=$memory, host=$host
		romimage: file=${rom:-/usr/share/bochs/BIOS-bochs-latest}, options=fastboot
		vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
		com1: enabled=1, $com1
		clock: sync=none, time0=946681200
		panic: action=fatal$panics
		error: action=report
		info: action=ignore
	EOF
	[ -z "${com2:-}" ] || echo "com2: enabled=1, mode=file, dev=$com2"
	[ -z "${gdb:-}" ] || echo "com2: enabled=1, mode=term, dev=$gdb"
	[ -z "$hd" ] || echo "ata0-master: type=disk, path=\"$hd\", mode=${hd_mode:-volatile}"
	[ -z "$cd" ] || echo "ata1-master: type=cdrom, path=\"$cd\", status=inserted"
	if [ -n "$cd" ]; then echo 'boot: cdrom'; else echo 'boot: disk'; fi
}

# bochs_panics FILE: the CPUs' panics in what Bochs said, but those that it survives rightly
bochs_panics() {
	grep 'CPU[0-9]* *\] >>PANIC<<' "$1" | grep -Ev 'VM is set in long mode|3rd \([0-9]+\) exception with no resolution'
}

# What a debugger build of Bochs is told to do: go on, also after a triple fault.
bochs_commands() {
	printf 'c\nc\nc\n'
}

# linux_on_lamina DIR OPTIONS APPEND KERNEL: DIR/lamina.img, whose GRUB loads Lamina with KERNEL as guest. The variable
# initrd, if set, is another one than ours.
linux_on_lamina() {
	{
		grub_head
		echo 'echo GRUB loads Lamina'
		echo "multiboot2 /lamina.elf $2"
		echo "module2 /vmlinuz $3"
		echo "module2 /initrd.gz"
		echo "boot"
	} >"$1/lamina.cfg"
	grub_image "$1/lamina.img" "$1/lamina.cfg" "lamina.elf=$build/lamina.elf" "vmlinuz=$4" \
		"initrd.gz=${initrd:-$build/guest/initrd.gz}"
}

# linux_disk DIR APPEND KERNEL: DIR/linux.img, a disk whose own GRUB boots KERNEL
linux_disk() {
	{
		grub_head
		echo "echo guest: GRUB"
		echo "linux /vmlinuz $2"
		echo "initrd /initrd.gz"
		echo "boot"
	} >"$1/linux.cfg"
	grub_image "$1/linux.img" "$1/linux.cfg" "vmlinuz=$3" "initrd.gz=$build/guest/initrd.gz"
}

# disk_on_lamina DIR OPTIONS [MODULE [NAME=FILE]]: DIR/lamina.img, a CD whose GRUB loads Lamina to boot the
# first hard disk. MODULE: in place of the disk's boot sector; empty: no module. The variable loader, if set,
# is the GRUB command: multiboot2 or multiboot.
disk_on_lamina() {
	{
		grub_head
		echo 'echo GRUB loads Lamina'
		echo "${loader:-multiboot2} /lamina.elf $2"
		module=${3-(hd0)+1}
		case ${loader:-multiboot2} in multiboot) word=module ;; *) word=module2 ;; esac
		[ -z "$module" ] || echo "$word $module"
		echo "boot"
	} >"$1/lamina.cfg"
	grub_image "$1/lamina.img" "$1/lamina.cfg" "lamina.elf=${elf:-$build/lamina.elf}" ${4:+"$4"}
}

# testkernel_disk DIR WORDS: DIR/testkernel.img, a disk that starts the test kernel with this command line
testkernel_disk() {
	{
		grub_head
		echo "multiboot2 /testkernel.elf $2"
		echo "boot"
	} >"$1/testkernel.cfg"
	grub_image "$1/testkernel.img" "$1/testkernel.cfg" "testkernel.elf=$build/testkernel.elf"
}

# gdb_line PLACE: COM2 of a machine to be, for gdb. Sets gdb, what the emulator takes; gdb itself connects to
# PLACE, a socket of QEMU's; for Bochs one of two terminals that socat holds together ($gdb_pid).
gdb_line() {
	rm -f "$1" "$1.line"
	case $model in
	qemu:* | kvm:*) gdb=$1 ;;
	*)
		gdb=$1.line
		need 'connect gdb to Bochs' socat
		socat "PTY,rawer,link=$1.line" "PTY,rawer,link=$1" >/dev/null 2>&1 &
		# shellcheck disable=SC2034 # for who calls
		gdb_pid=$!
		for _ in $(seq 50); do
			[ ! -e "$1" ] || [ ! -e "$1.line" ] || break
			sleep 0.1
		done
		;;
	esac
}

# qemu_command: the same for QEMU, with its own emulation (TCG) or KVM: a command. $CONSOLE_PORT is for the shell that runs
# it. A socket per CPU, as systems that read the MP tables find no other. The variable qemu_words: more of QEMU's
# options; icount, if set, makes its clock count instructions, 4 ns each, and one thread do all: runs repeat.
qemu_command() {
	# shellcheck disable=SC2016
	case $model in kvm:*) accel=kvm ;; *) accel=tcg ;; esac
	printf 'exec qemu-system-x86_64 -accel %s%s -cpu %s -smp %s,sockets=%s,cores=1,threads=1 -m %s' \
		"$accel" "${icount:+,thread=single -icount shift=2,sleep=off}" "${model#*:}" "$cpus" "$cpus" "$memory"
	# shellcheck disable=SC2016
	printf ' -display none -no-reboot -serial tcp:localhost:$CONSOLE_PORT'
	[ -z "${com2:-}" ] || printf ' -serial file:%s' "$com2"
	[ -z "${gdb:-}" ] || printf ' -serial unix:%s,server=on,wait=off' "$gdb"
	printf ' -device isa-debug-exit,iobase=0xf4,iosize=1 %s' "${qemu_words:-}"
	snapshot=on
	[ "${hd_mode:-volatile}" = volatile ] || snapshot=off
	[ -z "$hd" ] || printf ' -drive "file=%s,format=raw,snapshot=%s"' "$hd" "$snapshot"
	[ -z "$cd" ] || printf ' -cdrom "%s" -boot d' "$cd"
}

# machine_command DIR: writes what the emulator of $model reads, and prints how to run it there; a model
# qemu:CPU is one of QEMU's, kvm:host the host's own in QEMU with KVM
machine_command() {
	case $model in
	qemu:* | kvm:*)
		qemu_command
		printf ' >qemu.txt 2>&1'
		;;
	*)
		# Bochs itself expands the variable
		# shellcheck disable=SC2016,SC2034
		com1='mode=socket-client, dev=localhost:$CONSOLE_PORT'
		bochsrc >"$1/bochsrc"
		bochs_commands >"$1/go.rc"
		printf 'exec bochs -q -f bochsrc -rc go.rc >bochs.txt 2>&1'
		;;
	esac
}

# emulate DIR SECONDS [OPTION]...: runs the machine that the variables describe until it ends, at most so long. The
# options are for tools/console.c (--end TEXT: until it says TEXT). Its console is in DIR/serial.txt, what the emulator
# says in DIR/bochs.txt or qemu.txt. Returns what the console does: 0 it ended, 3 the time was up, 4 it panicked, 5 it
# said TEXT.
emulate() {
	run_dir=$1 run_limit=$2 how=0
	shift 2
	(cd "$run_dir" && "$build/console" --log serial.raw --timeout "$run_limit" --last 'lamina: PANIC' "$@" -- \
		sh -c "$(machine_command "$run_dir")") >/dev/null || how=$?
	tr -d '\r' <"$run_dir/serial.raw" >"$run_dir/serial.txt"
	rm -f "$run_dir"/*.img
	return $how
}
