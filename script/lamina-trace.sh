# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # $top comes from ./lamina
# ./lamina trace: what Lamina's trace says. The program is tools/trace/.
set -eu
. "$top/script/lib/common.sh"

usage() {
	case $command in
	show) echo 'usage: lamina trace show [--khz N] IN' ;;
	convert) echo 'usage: lamina trace convert [--khz N] --to perfetto|ctf|chrome IN OUT' ;;
	plot) echo 'usage: lamina trace plot [--khz N] [--png FILE] IN' ;;
	*) echo 'usage: lamina trace show|convert|plot [OPTION]... IN [OUT]; each tells more with --help' ;;
	esac
	cat <<-'EOT'

		Reads the trace that Lamina keeps of each CPU. IN is a serial log (boot option trace_out=serial), a picture of
		the machine's memory (QEMU: pmemsave, dump-guest-memory), the blocks of doc/trace-format.md, or '-'.

		show      one line a record, a CPU after the other; sort -n brings them in the order of time
		convert   perfetto: a file for ui.perfetto.dev; chrome: JSON for chrome://tracing; ctf: a folder for babeltrace2.
		          OUT may be '-' but for ctf, which makes a new folder
		plot      exits over time, on the terminal or as PNG
		--khz N   ticks of the TSC in a millisecond; without it a tick is shown as a nanosecond

		What was read and what was lost is said in one line on stderr.

		exit code
		  0  all that the rings held is there
		  1  nothing could be read or written
		  3  something was damaged or cut off; the rest is there
	EOT
}

# shellcheck disable=SC2086 # no frequency is no word
convert() {
	"$build/lamina-trace" "$@" $khz
}

command=${1:-}
case $command in
show | convert | plot) shift ;;
--help)
	usage
	exit 0
	;;
*) die "trace: show, convert or plot, not '$command'; lamina trace --help tells more" ;;
esac
to='' png='' khz='' in='' out=''
while [ $# -gt 0 ]; do
	case $command:$1 in
	*:--help)
		usage
		exit 0
		;;
	*:--khz) value "$@" && number --khz "$2" 1 999999999 && khz=$2 && shift ;;
	convert:--to) value "$@" && to=$2 && shift ;;
	plot:--png) value "$@" && png=$2 && shift ;;
	*:-?*) die "trace $command: takes no '$1'" ;;
	*)
		if [ -z "$in" ]; then
			in=$1
		elif [ "$command" = convert ] && [ -z "$out" ]; then
			out=$1
		else
			die "trace $command: one file too many: $1"
		fi
		;;
	esac
	shift
done
[ -n "$in" ] || die "trace $command: no file to read"
if [ "$command" = convert ]; then
	case $to in
	perfetto | ctf | chrome) ;;
	*) die "trace convert: --to is perfetto, ctf or chrome, not '$to'" ;;
	esac
	[ -n "$out" ] || die 'trace convert: no file to write'
fi
[ "$in" = - ] || [ -r "$in" ] || die "trace: cannot read $in"
[ ! -d "$in" ] || die "trace: $in is a folder"
need 'build the converter' make gcc libc6-dev=/usr/include/stdio.h
run_make build/lamina-trace
case $command in
show) convert show "$in" - ;;
convert) convert "$to" "$in" "$out" ;;
plot)
	need 'draw' gnuplot-nox=gnuplot
	program=$(mktemp)
	trap 'rm -f "$program"' EXIT
	code=0
	convert plot "$in" "$program" || code=$?
	[ "$code" -ne 1 ] || exit 1
	[ -s "$program" ] || die 'trace plot: no records to draw'
	if [ -n "$png" ]; then
		: >"$png" || die "trace plot: cannot write $png"
		echo "set terminal png size 1200,700" && cat "$program"
	else
		echo 'set terminal dumb size 100,30' && cat "$program"
	fi | gnuplot >"${png:-/dev/stdout}" || die 'trace plot: gnuplot failed'
	exit "$code"
	;;
esac
