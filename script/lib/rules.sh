# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # $top comes from ./lamina

# rules_list TABLE: a table of rules and tests, one line per rule, with the mutants that name it
rules_list() {
	set -- "$top"/test/mutants/*.mutants "$1"
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
		END { flush() }' files=$# "$@"
}
