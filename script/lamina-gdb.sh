# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # $top comes from ./lamina
# ./lamina gdb
set -eu
. "$top/script/lib/common.sh"
. "$top/script/lib/linux.sh"

usage() {
	cat <<-'EOF'
		usage: lamina gdb [OPTION]... [-- GDB ARGUMENTS]

		Connects gdb to Lamina's stub on the second serial port of the machine that ./lamina run --opt gdb=com2
		has started in another terminal (doc/gdb.md). gdb knows the functions of the Linux guest by name.

		  --at PLACE      where the port is: a device, a socket's path or HOST:PORT (what ./lamina run made)
		  --symbols FILE  of another guest: an ELF file, or a list as System.map or /proc/kallsyms is; its
		                  kernel must run where it was linked to (nokaslr)
		  --kernel FILE   of another guest: its kernel, not compressed

		What comes after -- goes to gdb, as -batch -x FILE. In gdb, "monitor help" lists what Lamina adds.
	EOF
}

at=$build/run/gdb symbols='' kernel=''
while [ $# -gt 0 ]; do
	case $1 in
	--help) usage && exit 0 ;;
	--)
		shift
		break
		;;
	--at | --symbols | --kernel)
		value "$@"
		case $1 in
		--at) at=$2 ;;
		--symbols) symbols=$2 ;;
		--kernel) kernel=$2 ;;
		esac
		shift
		;;
	*) die "gdb: unknown option '$1'; see lamina gdb --help" ;;
	esac
	shift
done
[ -z "$symbols" ] || [ -r "$symbols" ] || die "--symbols: cannot read $symbols"
[ -z "$kernel" ] || [ -r "$kernel" ] || die "--kernel: cannot read $kernel"
case $at in
*:*) ;;
*) [ -e "$at" ] || die "nothing is at $at: start ./lamina run --opt gdb=com2, or give --at" ;;
esac

need 'debug the guest' gdb
need_build
mkdir -p "$build/gdb"
if [ -n "$kernel" ]; then
	run_make build/kallsyms
	symbols=$build/gdb/list
	"$build/kallsyms" "$kernel" >"$symbols" || die "--kernel: $kernel has no symbols"
fi
if [ -z "$symbols" ]; then
	build_guest
	run_make build/guest/symbols.elf LINUX="$linux"
	symbols=$build/guest/symbols.elf
elif [ "$(head -c 4 "$symbols" | tr -d '\177')" != ELF ]; then
	sh "$top/script/symbols.sh" "$build/gdb/symbols.elf" <"$symbols" || die "--symbols: no list of a kernel's symbols: $symbols"
	symbols=$build/gdb/symbols.elf
fi
exec gdb -q -ex 'set remotetimeout 20' -ex 'set confirm off' -ex "file $symbols" -ex "target remote $at" "$@"
