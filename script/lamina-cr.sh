# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # $top comes from ./lamina
# ./lamina test cr
set -eu
. "$top/script/lib/common.sh"

usage() {
	cat <<-'EOT'
		usage: lamina test cr [--list]

		Runs the tests that show the rules of CR0 and CR4 (test/cr-rules): the unit tests, the test kernel
		on 1, 2 and 4 CPUs, and boots. --list prints, for each rule of doc/cr-model.md, its tests.
	EOT
}

# the table, one line per rule, with the mutants that name it
list() {
	awk '
		FNR == 1 { file++ }
		file < files && $1 == "mutant" { mutant = $2 }
		file < files && $1 == "rules" { for (i = 2; i <= NF; i++) mutants[$i] = mutants[$i] "; mutant " mutant }
		file < files || /^#/ || /^$/ || /^in / { next }
		/^\t/ { sub(/^\t/, ""); sub(/^none /, "none: "); tests = tests (tests ? "; " : "") $0; next }
		{ flush() ; id = $1; sub(/^[^ ]* /, ""); title = $0 }
		function flush() {
			if (id)
				printf "%-4s %s: %s%s\n", id, title, tests, mutants[id]
			tests = ""
		}
		END { flush() }' files=$(($# + 1)) "$@" "$top/test/cr-rules"
}

case ${1:-} in
--list) list "$top"/test/mutants/*.mutants ;;
--help) usage ;;
'')
	names=$(sed -n 's/^in //p; s/^\tboot //p' "$top/test/cr-rules" | tr ' ' '\n' | sort -u)
	# shellcheck disable=SC2086 # a list of names
	exec sh "$top/script/lamina-test.sh" $names
	;;
*) die "test cr: takes no '$1'" ;;
esac
