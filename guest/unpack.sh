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

# What the kernel needs zeroed stands at its end as zeroes: leave that to the stub.
bss=$(readelf -SW "$tmp/vmlinux" | sed -n 's/.* \.bss  *[A-Z]*  *ffffffff\([0-9a-f]*\) .*/0x\1/p')
[ -n "$bss" ] || die "$in: the kernel has no .bss section"
size=$(((bss & 0x7fffffff) - at)) # linked at its physical address + 0xffffffff80000000
mem=$((($(stat -c %s "$tmp/image") + 4095) / 4096 * 4096))
truncate -s "$mem" "$tmp/image"
cmp -s -n $((mem - size)) -i "$size:0" "$tmp/image" /dev/zero ||
	die "$in: its .bss is not all zeroes"
truncate -s "$size" "$tmp/image"

gcc -c -DKERNEL_AT="$at" -DKERNEL_SIZE="$size" -DKERNEL_MEM="$mem" -o "$tmp/stub.o" "$here/unpacked.S"
objcopy -O binary -j .text "$tmp/stub.o" "$tmp/stub"
head -c "$setup" "$in" | cat - "$tmp/stub" "$tmp/image" >"$tmp/out"
patch 0x1f4 $(((4096 + size) / 16)) # syssize, in 16-byte units
patch 0x248 0                       # payload_offset and payload_length: there is none
patch 0x24c 0
patch 0x260 $((mem + 0x10000))      # init_size: with the scratch memory of the stub
mv "$tmp/out" "$out"
