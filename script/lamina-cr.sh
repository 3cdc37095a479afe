# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # $top comes from ./lamina
# ./lamina test cr
set -eu
. "$top/script/lib/common.sh"
. "$top/script/lib/rules.sh"

usage() {
	cat <<-'EOT'
		usage: lamina test cr [--list]

		Runs the tests that show the rules of CR0 and CR4 (test/cr-rules): the unit tests, the test kernel
		on 1, 2 and 4 CPUs, and boots. --list prints, for each rule of doc/cr-model.md, its tests.
	EOT
}

case ${1:-} in
--list) rules_list "$top/test/cr-rules" ;;
--help) usage ;;
'')
	names=$(sed -n 's/^in //p; s/^\tboot //p' "$top/test/cr-rules" | tr ' ' '\n' | sort -u)
	# shellcheck disable=SC2086 # a list of names
	exec sh "$top/script/lamina-test.sh" $names
	;;
*) die "test cr: takes no '$1'" ;;
esac
