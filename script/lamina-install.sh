# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # $top comes from ./lamina
# ./lamina install
set -eu
. "$top/script/lib/common.sh"

usage() {
	cat <<-'EOF'
		usage: lamina install [--dry-run] [--root DIR] [--opt "..."]

		Puts Lamina into this machine's GRUB menu: copies it to /boot/lamina.elf, writes
		/etc/grub.d/42_lamina and runs update-grub. The new entry starts Lamina, and then this machine's
		first disk as its guest: GRUB appears a second time, without the entry, and boots as ever.

		  --dry-run       only say what would be done
		  --root DIR      install below DIR and leave update-grub to you
		  --opt "..."     more boot options for Lamina (lamina options lists them)

		To undo: rm /boot/lamina.elf /etc/grub.d/42_lamina && update-grub
	EOF
}

dry='' root='' opt=''
while [ $# -gt 0 ]; do
	case $1 in
	--help) usage && exit 0 ;;
	--dry-run) dry=1 ;;
	--root) value "$@" && root=$2 && shift ;;
	--opt) value "$@" && opt=" $2" && shift ;;
	*) die "install: unknown option '$1'; see lamina install --help" ;;
	esac
	shift
done

elf=$root/boot/lamina.elf entry=$root/etc/grub.d/42_lamina
if [ -z "$root" ]; then
	[ ! -d /sys/firmware/efi ] || die 'install: this machine boots by UEFI; Lamina needs a BIOS boot'
	[ -d /etc/grub.d ] || die 'install: no /etc/grub.d: this machine does not boot by GRUB'
elif [ ! -d "$root" ]; then
	die "install: no folder $root"
fi
if [ -n "$dry" ]; then
	echo "would copy build/lamina.elf to $elf"
	echo "would write $entry"
	[ -n "$root" ] || echo 'would run update-grub'
	exit 0
fi

# grub_d: the script that update-grub runs. Lamina leaves "LAMI" at 4f0h, where no firmware keeps
# anything, so that the GRUB it starts as guest does not offer to start it again.
grub_d() {
	cat <<-EOF
		#!/bin/sh
		# SPDX-License-Identifier: MIT
		# Lamina, a hypervisor that starts before the system. Written by "lamina install"; to undo:
		# rm /boot/lamina.elf /etc/grub.d/42_lamina && update-grub
		set -e
		. /usr/share/grub/grub-mkconfig_lib
		lamina=\$(make_system_path_relative_to_its_root /boot/lamina.elf)
		cat <<END
		insmod memrw
		read_dword -v lamina_runs 0x4f0
		if [ "\\\$lamina_runs" != "494d414c" ]; then
		menuentry 'Lamina, then this machine as its guest' --class lamina {
		\$(prepare_grub_to_access_device "\$(grub-probe --target=device /boot)")
			insmod multiboot2
			multiboot2 \$lamina guest=bios drive=hd0$opt
			module2 (hd0)+1
		}
		fi
		END
	EOF
}

build_lamina
run=
[ -n "$root" ] || [ "$(id -u)" -eq 0 ] || run=as_root
$run mkdir -p "$root/boot" "$root/etc/grub.d"
$run cp "$build/lamina.elf" "$elf"
grub_d | $run tee "$entry" >/dev/null
$run chmod 755 "$entry"
stage "wrote $elf and $entry"
if [ -z "$root" ]; then
	if command -v update-grub >/dev/null; then
		$run update-grub
	else
		stage 'there is no update-grub: make the menu anew with grub-mkconfig'
	fi
fi
echo "To undo: rm $elf $entry && update-grub"
