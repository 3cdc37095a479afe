# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # $top comes from ./lamina
# ./lamina test mutants
set -euf
. "$top/script/lib/common.sh"
. "$top/script/lib/boot.sh"
. "$top/test/mutants/mutants.sh"

usage() {
	cat <<-'EOF'
		usage: lamina test mutants [--list] [PATTERN]...

		Builds one defect at a time into a copy of the sources, and runs the tests that must notice it, until one
		does: unit tests, then boots of the test kernel on Lamina in an emulator with two CPUs. Prints
		which test caught which mutant. PATTERN: only the mutants whose name matches one (a shell pattern like
		'model-*'). --list: their names, the rules they break, and the tests.

		Exits with 0 if all were caught. The consoles of the boots stay in build/mutants/run/NAME/.
	EOF
}

list='' patterns=''
while [ $# -gt 0 ]; do
	case $1 in
	--help) usage && exit 0 ;;
	--list) list=1 ;;
	-*) die "test mutants: unknown option '$1'; see lamina test mutants --help" ;;
	*) patterns="$patterns $1" ;;
	esac
	shift
done

need 'read and apply the mutants' perl
table=$("$top/test/mutants/mutant" list) || exit 1

# chosen: the rows of the table that are asked for
chosen() {
	echo "$table" | while IFS= read -r row; do
		set -f
		for pattern in ${patterns:-'*'}; do
			# shellcheck disable=SC2254 # it is a pattern
			case ${row%%	*} in $pattern) echo "$row" && break ;; esac
		done
	done
}

# each word once
words() {
	tr -s ' ' '\n' | sort -u | sed '/^$/d'
}

rows=$(chosen)
[ -n "$rows" ] || die "no mutant matches$patterns; lamina test mutants --list shows them"
if [ -n "$list" ]; then
	echo "$rows" | awk -F '\t' '{ printf "%-32s %-12s %-22s %s\n", $1, $2, $3, $4 ($4 && $5 ? " " : "") $5 }'
	exit 0
fi
names=$(echo "$rows" | cut -f 1)
units=$(echo "$rows" | cut -f 4 | words)
specs=$(echo "$rows" | cut -f 5 | words)
workers=$(nproc)
unset MAKEFLAGS # of a make that runs us

need_build
need_unit
[ -z "$specs" ] || need_emulator

# The working tree, with what is not committed yet, built once and copied with all that is built
stage "$(echo "$names" | wc -l) mutants, $workers at a time"
rm -rf "$mutants"
mkdir -p "$mutants/image" "$mutants/result"
cd "$top"
copy_sources "$mutants/tree"
make -pn unit 2>/dev/null | sed -n 's/^UNIT_BIN := //p' | tr ' ' '\n' >"$mutants/programs"
for unit in $units; do
	[ -n "$(programs_of "$mutants/programs" "$unit")" ] || die "no unit test matches $unit"
done
targets=$(programs_of "$mutants/programs" "$units" | sort -u)
# shellcheck disable=SC2086 # a list
make -C "$mutants/tree" -j"$workers" all build/console ${specs:+testkernel} $targets >"$mutants/make.log" 2>&1 ||
	die "the sources do not build even without a mutant; see $mutants/make.log"
slot=0
while [ "$slot" -lt "$workers" ]; do
	cp -a "$mutants/tree" "$mutants/slot-$slot"
	slot=$((slot + 1))
done

# Without a mutant every test must pass, or a failure would prove nothing
stage 'without a mutant'
# shellcheck disable=SC2086
[ -z "$units" ] || (cd "$mutants/tree" && sh test/unit/run.sh $targets) >"$mutants/unit.log" 2>&1 ||
	die "unit tests fail even without a mutant; see $mutants/unit.log"
for spec in $specs; do
	parse "$spec"
	[ ! -e "$image" ] || continue
	off=bochs
	[ "$platform" = bochs ] || off=qemu
	{
		grub_head
		printf 'multiboot2 /testkernel.elf only=%s off=%s\nboot\n' "$group" "$off"
	} >"$image.cfg"
	grub_image "$image" "$image.cfg" "testkernel.elf=$build/testkernel.elf"
done
export top
echo "$specs" | xargs -r -P "$workers" -n 1 "$top/test/mutants/plain" ||
	die "boots fail even without a mutant"

MUTANTS_STARTED=$started
export MUTANTS_STARTED
echo "$names" | xargs -P "$workers" -n 1 --process-slot-var=SLOT "$top/test/mutants/run-mutant" ||
	die 'a mutant could not be run'

stage 'the table:'
echo "$rows" | while IFS='	' read -r name rules _; do
	IFS='	' read -r outcome by seconds <"$mutants/result/$name"
	printf '%s\t%s\t%s\t%s\t%s\n' "$name" "$rules" "$outcome" "$by" "$seconds"
done >"$mutants/table"
awk -F '\t' '
	{ printf "%-32s %-12s %5ss  %s%s\n", $1, $2, $5, $3 == "caught" ? "" : toupper($3) ": ", $4; n[$3]++ }
	END {
		printf "%d mutants: %d caught, %d live, %d errors\n", NR, n["caught"], n["lives"], n["error"]
		exit n["caught"] != NR
	}' "$mutants/table"
