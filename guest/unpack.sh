#!/bin/sh
# SPDX-License-Identifier: MIT
# unpack.sh VMLINUZ OUT: makes of a compressed bzImage one that holds the same kernel unpacked, so
# that it starts at once in an emulator. Only the decompressor is replaced (guest/unpacked.S).
set -eu

die() { echo "unpack: $*" >&2; exit 1; }

[ $# -eq 2 ] || die "usage: unpack.sh VMLINUZ OUT"
in=$1 out=$2
here=$(dirname "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# field OFFSET SIZE: a little-endian number of the setup header
field() { od -An -t "u$2" -j "$1" -N "$2" "$in" | tr -d ' '; }

# patch OFFSET VALUE: 32 bits
patch() {
	for shift in 0 8 16 24; do
		printf '%b' "\\0$(printf %o $(($2 >> shift & 255)))"
	done | dd of="$tmp/out" bs=1 seek=$(($1)) conv=notrunc status=none
}

[ "$(dd if="$in" bs=1 skip=514 count=4 status=none)" = HdrS ] || die "$in: not a bzImage"
setup=$((($(field 0x1f1 1) + 1) * 512))
at=$(field 0x258 8)
tail -c +$((setup + $(field 0x248 4) + 1)) "$in" | head -c $(($(field 0x24c 4) - 4)) >"$tmp/payload"
xz -dc <"$tmp/payload" >"$tmp/vmlinux" 2>/dev/null || die "$in: its payload is not xz"
[ $((0x$(readelf -h "$tmp/vmlinux" | sed -n 's/.*Entry point address: *0x//p'))) -eq "$at" ] ||
	die "$in: the kernel does not start at its preferred address"
objcopy -O binary "$tmp/vmlinux" "$tmp/image"

# Addresses in the file are linear ones (below, the low 32 bits), and the kernel is entered by physical ones.
case $(readelf -h "$tmp/vmlinux") in
*ELF64*) stub=unpacked.S m32='' linked=0x80000000 ;;
*) stub=unpacked32.S m32=-m32 linked=0xc0000000 ;;
esac
bss=$(readelf -SW "$tmp/vmlinux" | sed -n 's/.* \.bss  *[A-Z]*  *[f]*\([0-9a-f]\{8\}\) .*/0x\1/p')
[ -n "$bss" ] || die "$in: the kernel has no .bss section"
size=$((bss - linked - at))
mem=0
for segment in $(readelf -lW "$tmp/vmlinux" | sed -n 's/^ *LOAD *\(0x[^ ]* *\)\{2\}\(0x[^ ]*\) *0x[^ ]* *\(0x[^ ]*\) .*/\2+\3-at/p'); do
	# shellcheck disable=SC2004 # an expression
	[ $(($segment)) -le "$mem" ] || mem=$(($segment))
done
mem=$(((mem + 4095) / 4096 * 4096))

# What it needs zeroed is not in the file, or stands at its end as zeroes: leave that to the stub.
truncate -s "$mem" "$tmp/image"
cmp -s -n $((mem - size)) -i "$size:0" "$tmp/image" /dev/zero ||
	die "$in: its .bss is not all zeroes"
truncate -s "$size" "$tmp/image"

gcc -c $m32 -DKERNEL_AT="$at" -DKERNEL_SIZE="$size" -DKERNEL_MEM="$mem" -o "$tmp/stub.o" "$here/$stub"
objcopy -O binary -j .text "$tmp/stub.o" "$tmp/stub"
head -c "$setup" "$in" | cat - "$tmp/stub" "$tmp/image" >"$tmp/out"
patch 0x1f4 $(((4096 + size) / 16)) # syssize, in 16-byte units
patch 0x248 0                       # payload_offset and payload_length: there is none
patch 0x24c 0
patch 0x260 $((mem + 0x10000))      # init_size: with the scratch memory of the stub
mv "$tmp/out" "$out"
