# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # $top comes from ./lamina
# ./lamina analyze: whose fault is it? The program is tools/analyze/.
set -eu
. "$top/script/lib/common.sh"

usage() {
	cat <<-'EOT'
		usage: lamina analyze FILE

		Reads a serial log ('-': standard input) and says whose fault the accesses to CR0 and CR4 in it are, each
		with its evidence. It understands Lamina's own log (log=cr, probe=, a panic), and that of other
		hypervisors, with lines such as

		    CPU(0x00): CS:EIP=0x0008:0x006a29be MOV CR4, xx
		    MOV TO CR4 (flush TLB?), current=0x00002020, proposed=0x00002030

		and what is known besides, as key=value in any order and spelling: mask=, shadow=, current= (the real
		value), proposed=, read= (what the guest read before); lines of disassembly; words such as KVM or SMI.

		A file that has a trace of Lamina's (lamina trace --help: a serial log, a picture of memory), and no such
		lines of its own, is read as that trace; it has the verdicts, not their evidence.

		exit code
		  0  all is as the model says
		  1  the file cannot be read, or nothing in it was understood
		  3  guest: it set the bit itself
		  4  platform: the CPU, the emulator, or the hypervisor below (L0)
		  5  Lamina
		  6  undecided, with what would decide it
		Of several verdicts Lamina goes first, then platform, undecided, guest. doc/debugging.md is a tour.
	EOT
}

[ $# -eq 1 ] || die 'analyze: takes one file; lamina analyze --help tells more'
case $1 in
--help)
	usage
	exit 0
	;;
-) ;;
-*) die "analyze: takes no '$1'" ;;
*)
	[ ! -d "$1" ] || die "analyze: $1 is a folder"
	[ -r "$1" ] || die "analyze: cannot read $1"
	;;
esac
need 'build the analysis' make gcc libc6-dev=/usr/include/stdio.h
run_make build/lamina-analyze build/lamina-trace
# a trace, and no lines that say the same
if [ "$1" != - ] && grep -qae LatraCE1 -e '^lamina: trace ' "$1" && ! grep -qa ' hw .* owned .* shadow ' "$1"; then
	"$build/lamina-trace" log "$1" - | "$build/lamina-analyze" -
	exit
fi
exec "$build/lamina-analyze" "$1"
