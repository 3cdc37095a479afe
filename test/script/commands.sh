# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # sourced by test/boot/run-case
# Every command tells its use, and answers what it cannot do with one line and exit code 1, before it builds anything.

lamina() {
	code=0
	"$top/lamina" "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
}

helps() {
	lamina "$@" --help
	[ "$code" -eq 0 ] && [ ! -s "$work/err" ] && head -n 1 "$work/out" | grep -q "^usage: lamina $*"
}

# refuses TEXT ARGUMENT...: in one line that has TEXT
refuses() {
	text=$1
	shift
	lamina "$@"
	[ "$code" -eq 1 ] && [ ! -s "$work/out" ] && [ "$(wc -l <"$work/err")" -eq 1 ] &&
		grep -q '^lamina: ' "$work/err" && grep -qF -- "$text" "$work/err"
}

# Does stage write escape sequences?
staged="sh -c '. $top/script/lib/common.sh; stage text'"

plain() {
	! sh -c "$staged" 2>&1 | grep -q "$(printf '\033')"
}

on_terminal() {
	script -qec "$staged" /dev/null | grep -q "$(printf '\033')"
}

for command in $(sed -n 's/^run | \(.*\))$/run \1/p' "$top/lamina" | tr -d '|') 'test mutants' 'test cr' 'test guests' 'trace show' 'trace convert' 'trace plot'; do
	commands="${commands:+$commands, }$command"
	# shellcheck disable=SC2086 # two words
	ok "$command --help" helps $command
	# shellcheck disable=SC2086
	ok "$command --banana is refused" refuses --banana $command --banana
done
ok 'there are commands' [ "${#commands}" -gt 40 ]
ok 'no such command' refuses banana banana
lamina
ok 'no command at all shows the commands' grep -q '^usage: lamina COMMAND' "$work/err"
ok 'and is an error' [ "$code" -eq 1 ]
ok 'run --cpus without a number' refuses --cpus run --cpus
ok 'run --cpus banana' refuses banana run --cpus banana
ok 'run --cpus 9' refuses '1 to 8' run --cpus 9
ok 'run --memory 1' refuses 128 run --memory 1
ok 'run --guest banana' refuses banana run --guest banana
ok 'run --platform banana' refuses banana run --platform banana
ok 'run --disk without such a file' refuses /no/such run --disk /no/such
ok 'run --kernel without such a file' refuses /no/such run --kernel /no/such
ok 'run --gdb on QEMU' refuses --gdb run --gdb
mkdir -p "$build/run"
exec 8>"$build/run/lock"
flock 8
ok 'run while another runs' refuses 'another machine runs' run --batch
exec 8>&-
ok 'test without such a test' refuses banana test banana
ok 'test mutants without such a mutant' refuses banana test mutants banana
ok 'fuzz without what' refuses 'fuzz what' fuzz
ok 'fuzz without such a platform' refuses banana fuzz kernel --platform banana
ok 'bench without such a figure' refuses banana bench banana
ok 'bench --platform banana' refuses banana bench --platform banana
ok 'bench --pairs 2' refuses '3 to 99' bench --pairs 2
ok 'iso without a file' refuses 'no file' iso
ok 'iso with two' refuses 'one file' iso a b
ok 'iso where nothing can be written' refuses /no/such iso /no/such/file
ok 'install below no folder' refuses /no/such install --root /no/such
ok 'trace show without a file' refuses 'no file' trace show
ok 'trace show without such a file' refuses /no/such trace show /no/such
ok 'trace convert to banana' refuses banana trace convert --to banana a b
ok 'trace convert without a place to write' refuses 'no file to write' trace convert --to ctf a
ok 'trace plot --khz banana' refuses banana trace plot --khz banana a
ok 'no colour where there is no terminal' plain
ok 'colour where there is one' on_terminal
ok 'gdb --at without such a place' refuses /no/such gdb --at /no/such
ok 'gdb --symbols without such a file' refuses /no/such gdb --symbols /no/such
