# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # $top comes from ./lamina
# ./lamina run
set -eu
. "$top/script/lib/common.sh"
. "$top/script/lib/linux.sh"
. "$top/script/lib/boot.sh"
. "$top/script/lib/kvm.sh"
. "$top/script/lib/summary.sh"

usage() {
	cat <<-'EOF'
		usage: lamina run [OPTION]...

		Builds Lamina, gets Debian's Linux kernel, boots both in an emulator, and shows the serial
		console. Linux ends in a shell where there is a terminal (Ctrl-] ends the machine);
		otherwise it powers off after its checks, and a summary follows.

		  --cpus N        CPUs, 1 to 8 (2)
		  --memory M      memory in MiB, 128 to 16384 (512)
		  --guest KIND    linux: Lamina starts the kernel itself (default);
		                  bios: Lamina starts a second disk as the firmware would, and the GRUB there
		                  starts the kernel
		  --disk IMG      boot this raw disk image as the guest (implies --guest bios); the image
		                  itself stays as it is
		  --disk-write    let the guest write to the image
		  --screen        (qemu) show the machine's screen by VNC on localhost:5900 or the next free port, as Bochs does
		  --opt "..."     boot options for Lamina (lamina options lists them)
		  --kernel FILE   another kernel (a bzImage) for the Linux guest
		  --platform P    qemu: AMD-V in QEMU's emulation, the quickest (default); bochs-intel: VT-x in
		                  Bochs, exact to the instruction; bochs-amd: AMD-V in Bochs; kvm: the host's own
		                  processor, where it has KVM with nested virtualization (lamina doctor says)
		  --model M       another CPU model of that emulator (lamina doctor lists Bochs's)
		  --batch         no shell: power off after the checks and print the summary
		  --gdb           (bochs-intel, bochs-amd) start in Bochs's own debugger with Lamina's symbols (this Bochs has no stub
		                  for gdb): "lb 0xADDR" breaks, "vmexitbp" stops at every VM exit, "c" goes on,
		                  "info cpu" shows all. The serial console goes to build/run/serial.txt

		Kernel, headers and busybox are kept in ~/.cache/lamina. Exits with 0 when the guest ran on
		Lamina on every CPU and powered off, else 1.
	EOF
}

cpus=2 memory=512 guest=linux disk='' hd_mode=volatile opt='' kernel='' qemu_words='' platform=qemu model='' debug=''
batch=1
[ -t 0 ] && [ -t 1 ] && batch=''

while [ $# -gt 0 ]; do
	case $1 in
	--help) usage && exit 0 ;;
	--batch) batch=1 ;;
	--gdb) debug=1 ;;
	--disk-write) hd_mode=flat ;;
	--screen) qemu_words='-vnc localhost:0,to=99' ;;
	--cpus | --memory | --guest | --disk | --opt | --kernel | --model | --platform)
		value "$@"
		case $1 in
		--cpus) number "$1" "$2" 1 8 && cpus=$2 ;;
		--memory) number "$1" "$2" 128 16384 && memory=$2 ;;
		--guest) guest=$2 ;;
		--disk) disk=$2 guest=bios ;;
		--opt) opt=$2 ;;
		--kernel) kernel=$2 ;;
		--model) model=$2 ;;
		--platform) platform=$2 ;;
		esac
		shift
		;;
	*) die "run: unknown option '$1'; see lamina run --help" ;;
	esac
	shift
done
case $platform in
qemu) model=qemu:${model:-EPYC} ;;
kvm)
	[ -z "$model" ] || die '--platform kvm has one model only: the host'
	missing=$(kvm_missing)
	[ -z "$missing" ] || die "--platform kvm: $missing"
	model=kvm:host
	;;
bochs-intel) model=${model:-corei7_skylake_x} ;;
bochs-amd) model=${model:-ryzen} ;;
*) die "--platform is qemu, bochs-intel, bochs-amd or kvm, not '$platform'" ;;
esac
case $debug$platform in 1qemu | 1kvm) die '--gdb is for the Bochs platforms' ;; esac
case $guest in linux | bios) ;; *) die "--guest is linux or bios, not '$guest'" ;; esac
[ -z "$disk" ] || [ -r "$disk" ] || die "--disk: cannot read $disk"
[ -z "$kernel" ] || [ -r "$kernel" ] || die "--kernel: cannot read $kernel"

dir=$build/run
mkdir -p "$dir"
exec 9>"$dir/lock" # the emulator holds it, too
flock -n 9 || die "another machine runs in this folder ($dir): end it first, or use another clone"
build_lamina
run_make build/console
need_emulator
case $model in
kvm:*) ;;
qemu:*) qemu-system-x86_64 -cpu help | grep -qw -- "${model#qemu:}" || die "QEMU has no CPU model '${model#qemu:}'" ;;
*) bochs --help cpu 2>&1 | grep -qw "$model" || die "Bochs has no CPU model '$model'" ;;
esac

append=$(linux_words)
[ -z "$batch" ] || append="$append lamina.batch lamina.do=stats"
if [ -z "$disk" ]; then
	build_guest
	kernel=${kernel:-$build/guest/vmlinuz-unpacked}
fi

rom='' hd='' cd=''
if [ "$guest" = linux ]; then
	linux_on_lamina "$dir" "guest=linux $opt" "$append" "$kernel"
	hd=$dir/lamina.img
else
	if [ -z "$disk" ]; then
		linux_disk "$dir" "$append" "$kernel"
		disk=$dir/linux.img
	fi
	disk_on_lamina "$dir" "guest=bios drive=hd0 $opt"
	cd=$dir/lamina.img hd=$(readlink -f "$disk")
fi

stage "$platform: $cpus CPUs, $memory MiB, ${model#*:}"
log=$dir/serial.txt

if [ -n "$debug" ]; then
	com1="mode=file, dev=$log"
	{
		bochsrc
		echo 'log: bochs.log' # the terminal is the debugger's
	} >"$dir/bochsrc"
	nm "$build/lamina.debug" | awk '$2 ~ /[TtDdBb]/ { print $1, $3 }' >"$dir/symbols"
	echo "ldsym global \"$dir/symbols\"" >"$dir/go.rc"
	stage "the serial console goes to $log"
	cd "$dir"
	exec bochs -q -f bochsrc -rc go.rc
fi
gdb_pid=''
case " $opt " in *' gdb=com2 '*)
	gdb_line "$dir/gdb"
	trap 'kill $gdb_pid 2>/dev/null || :' EXIT
	stage 'gdb is connected by ./lamina gdb, from another terminal'
	;;
esac
set -- --log "$log" --after $(($(date +%s%3N) - started)) --stage GRUB= --stage 'Lamina=lamina: ' --stage 'guest=lamina: guest ' \
	--stage 'kernel=[    0.0' --stage 'userspace=guest: userspace'
[ -n "$batch" ] || set -- --type "$@"
how=0
cd "$dir"
"$build/console" "$@" -- sh -c "$(machine_command "$dir")" || how=$?
case $how in
0) ;;
2) echo && stage 'ended by Ctrl-]' ;;
*) die "the console failed ($how)" ;;
esac
[ -s "$log" ] || die "the emulator has said: $(tail -n 1 "$dir"/qemu.txt "$dir"/bochs.txt 2>/dev/null | tail -n 1)"
summary "$log" "$cpus"
