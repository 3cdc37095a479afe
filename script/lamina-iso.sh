# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # $top comes from ./lamina
# ./lamina iso
set -eu
. "$top/script/lib/common.sh"
. "$top/script/lib/boot.sh"

usage() {
	cat <<-'EOF'
		usage: lamina iso [--opt "..."] FILE

		Writes a bootable image with GRUB and Lamina, for a CD or, copied as it is, a USB stick (BIOS
		boot). On a real machine it starts Lamina and then, as its guest, the machine's first own disk. A
		second menu entry starts that disk without Lamina.

		  --opt "..."     more boot options for Lamina (lamina options lists them)
	EOF
}

opt='' file=''
while [ $# -gt 0 ]; do
	case $1 in
	--help) usage && exit 0 ;;
	--opt) value "$@" && opt=" $2" && shift ;;
	-*) die "iso: unknown option '$1'; see lamina iso --help" ;;
	*)
		[ -z "$file" ] || die 'iso: one file only'
		file=$1
		;;
	esac
	shift
done
[ -n "$file" ] || die 'iso: no file named; see lamina iso --help'
(: >"$file") 2>/dev/null || die "iso: cannot write $file"

build_lamina
need_emulator
cfg=$build/iso.cfg
# A stick that the firmware boots from is its first disk, and the machine's own the second.
cat >"$cfg" <<EOF
set timeout=5
if serial --unit=0 --speed=115200; then
	terminal_input --append serial
	terminal_output --append serial
fi
insmod regexp
if regexp '^hd0' "\$root"; then set own=hd1; else set own=hd0; fi
menuentry "Lamina, then this machine's own disk" {
	multiboot2 /lamina.elf guest=bios drive=\$own$opt
	module2 (\$own)+1
}
menuentry "This machine's own disk, without Lamina" {
	set root=\$own
	chainloader +1
}
EOF
grub_image "$file" "$cfg" "lamina.elf=$build/lamina.elf"
stage "$file is there, $(($(stat -c %s "$file") >> 20)) MiB: burn it, or copy it to a stick with dd"
