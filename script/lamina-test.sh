# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # $top comes from ./lamina
# ./lamina test
set -eu
. "$top/script/lib/common.sh"
. "$top/script/lib/linux.sh"
. "$top/script/lib/boot.sh"
. "$top/script/lib/guests.sh"
. "$top/script/lib/rules.sh"

usage() {
	cat <<-'EOF'
		usage: lamina test [--all] [--list] [PATTERN]...
		       lamina test mutants [--list] [PATTERN]...
		       lamina test cr [--list]
		       lamina test guests
		       lamina test --coverage

		Builds everything and runs the tests: unit tests, short fuzzing, checks of the sources, and boots
		in the Bochs emulator. Without PATTERN all but the slow ones (--all: those too); else the tests,
		slow or not, whose name matches one (a shell pattern like 'linux-*'). --list only lists; --coverage
		prints every requirement and every rule of CR0 and CR4 with the tests and mutants that show it.

		Exits with 0 when all passed, so "git bisect run ./lamina test linux-1" works, with 1 when one
		failed, and with 77 when all were skipped, because the machine lacks what they need. The consoles
		of the boots stay in build/test/NAME/.
	EOF
}

case ${1:-} in
mutants)
	shift
	exec sh "$top/script/lamina-mutants.sh" "$@"
	;;
cr)
	shift
	exec sh "$top/script/lamina-cr.sh" "$@"
	;;
guests)
	shift
	exec sh "$top/script/lamina-guests.sh" "$@"
	;;
esac

all='' list='' patterns=''
while [ $# -gt 0 ]; do
	case $1 in
	--help) usage && exit 0 ;;
	--all) all=1 ;;
	--list) list=1 ;;
	--coverage)
		rules_list "$top/test/requirements"
		rules_list "$top/test/cr-rules"
		exit
		;;
	-*) die "test: unknown option '$1'; see lamina test --help" ;;
	*) patterns="$patterns $1" ;;
	esac
	shift
done

names='' judges=' ' guests=''
while read -r name judge rest; do
	case $name in '' | '#'*) continue ;; esac
	if [ -n "$patterns" ]; then
		matches "$name" "$patterns" || continue
	elif [ -z "$all" ]; then
		case " $rest " in *' all '*) continue ;; esac
	fi
	names="$names $name" judges="$judges$judge "
	case " $rest " in *' guest='*) guests="$guests $(echo "$rest" | sed 's/.*guest=\([^ ]*\).*/\1/')" ;; esac
done <"$top/test/boot/cases"
[ -n "$names" ] || die "no test matches$patterns; lamina test --list shows them"
if [ -n "$list" ]; then
	printf '%s\n' $names
	exit 0
fi

# uses JUDGE...: does a chosen test have one of these judges?
uses() {
	for judge in "$@"; do
		case $judges in *" $judge "*) return 0 ;; esac
	done
	return 1
}

need 'run the tests' perl=prove
if uses host; then
	need_unit
	need 'build and run the checks' clang clang-format \
		libclang-rt-14-dev=/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.fuzzer-x86_64.a \
		libcapstone-dev=/usr/include/capstone/capstone.h \
		libunicorn-dev=/usr/include/unicorn/unicorn.h
fi
if uses linux gdb holes bios away alive picture probe probed verdict wiped held dma refusal reset bare same script fuzz kernel hostile iso installed panic guestos; then
	build_lamina
	need_emulator
	need 'test with another firmware' seabios=/usr/share/seabios/bios.bin
	run_make build/console build/test/alive.img build/test/triple.img build/test/reset.img build/test/down.img build/test/picture.img build/test/ntldr build/test/mach
fi
if uses linux held away gdb holes bios bare hostile; then
	run_make build/lamina-trace
	build_guest
	cp "$linux/vmlinuz" "$build/guest/vmlinuz"
fi
if uses gdb; then
	need 'debug the guest' gdb
	need 'connect gdb to Bochs' socat
	run_make build/guest/symbols.elf LINUX="$linux"
fi
if uses guestos; then
	# shellcheck disable=SC2086 # a list of names
	get_guests $guests
fi
if uses same script fuzz kernel verdict probed dma; then
	run_make testkernel
fi
if uses verdict probed wiped; then
	run_make BUILD=build/inject INJECT=1 all
fi

# once, before they run side by side
case "$names " in *' lab-'*) run_make lab ;; esac

# shellcheck disable=SC2086 # a list of names
stage "$(echo $names | wc -w) tests, $(nproc) at a time"
cd "$top"
# shellcheck disable=SC2086
prove --timer -j "$(nproc)" --exec test/boot/run-case $names || exit 1
for name in $names; do
	[ -e "$build/test/$name/skipped" ] || exit 0
done
echo "lamina: nothing was tested: $(cat "$build/test/$name/skipped")" >&2
exit 77
