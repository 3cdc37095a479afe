# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # $top comes from ./lamina
# ./lamina options: the boot options, from the one place that defines them
set -eu
. "$top/script/lib/common.sh"

case ${1:-} in
'') ;;
--help)
	echo 'usage: lamina options'
	echo "Lists Lamina's boot options: words NAME=VALUE behind lamina.elf in the boot loader."
	exit 0
	;;
*) die "options: takes no '$1'" ;;
esac
# OPTION(name, "default", "words", "help") and CR_OPTION(register, "name", "default", "words", "help")
sed -n -e 's/^\(CR\|HYPAPP\)_OPTION([^,]*, "\([^"]*\)"/OPTION(\2/' \
	-e 's/^OPTION(\([^,]*\), "\([^"]*\)", "\([^"]*\)", "\(.*\)")$/\1=\3\t\2\t\4/p' "$top/core/options.def" |
	awk -F '\t' 'BEGIN { printf "%-30s %-8s %s\n", "option", "default", "" }
		{ printf "%-30s %-8s %s\n", $1, $2, $3 }'
