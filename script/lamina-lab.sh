# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154,SC2034 # $top comes from ./lamina; the machine's variables are boot.sh's
# ./lamina lab
set -eu
. "$top/script/lib/common.sh"
. "$top/script/lib/linux.sh"
. "$top/script/lib/boot.sh"
. "$top/script/lib/lab.sh"

usage() {
	cat <<-'EOF'
		usage: lamina lab kvm [--short|--long] [--vmm own|qemu] [--rounds N] [--variant PATTERN]... [--list]

		Boots Debian's unmodified kernel with its own KVM (nested=1) in Bochs, as L0. On it a small monitor runs
		Lamina, as L1, whose guest (L2) does what Windows XP does to set CR4.PSE, and compares each read of CR0
		and CR4 with what is due, while L0 disturbs it, or does not. Prints what came of it as a table, and
		writes it as lines of NAME=VALUE to build/lab/VMM-FORM/results. doc/lab.md says what each variant shows.

		--short (as if not said): the variants with exact counts, about a minute. --long: those by the clock too,
		and the test kernel's groups level1 and storm as L1, about five minutes. --rounds N: of the exact ones
		(64). --variant: those whose name matches (a shell pattern), of either form. --list: names only.

		--vmm qemu: Debian's QEMU in place of the monitor (own), which disturbs by itself; two minutes.

		Exits with 0 if all is as due, with 1 if not, and with 77 when the machine lacks what this needs.
	EOF
}

[ "${1:-}" != --help ] || { usage && exit 0; }
[ "${1:-}" = kvm ] || die "lab: say which, lamina lab kvm, not '${1:-}'; see lamina lab --help"
shift
form=short vmm=own rounds=64 patterns='' list=''
while [ $# -gt 0 ]; do
	case $1 in
	--help) usage && exit 0 ;;
	--short | --long) form=${1#--} ;;
	--list) list=1 ;;
	--rounds | --variant | --vmm)
		value "$@"
		case $1 in
		--vmm) vmm=$2 ;;
		--rounds) number "$1" "$2" 1 1000000 && rounds=$2 ;;
		--variant) patterns="$patterns $2" ;;
		esac
		shift
		;;
	*) die "lab: unknown option '$1'; see lamina lab --help" ;;
	esac
	shift
done

case $vmm in
own) table=$top/script/lab/variants ;;
qemu) table=$top/script/lab/variants-qemu ;;
*) die "--vmm is own or qemu, not '$vmm'" ;;
esac

# chosen NAME FORM: is the variant asked for?
chosen() {
	if [ -n "$patterns" ]; then
		matches "$1" "$patterns"
	else
		[ "$form" = long ] || [ "$2" = short ]
	fi
}

# words TEXT: those of a column
words() {
	[ "$1" = - ] || echo "$1" | tr , ' '
}

# monitor_words WORD...: as options of lab-vmm: a disturbance, or NAME=VALUE
monitor_words() {
	for word in "$@"; do
		case $word in
		*=*) printf ' --%s %s' "${word%%=*}" "${word#*=}" ;;
		*) printf ' --disturb %s' "$word" ;;
		esac
	done
}

# The lines of runs: NAME COMMAND
variant_runs() {
	while read -r name its_form cpus monitor lamina guest rest; do
		case $name in '' | '#'*) continue ;; esac
		chosen "$name" "$its_form" || continue
		case $lamina in *quirk=*) ;; *) lamina=quirk=off,$lamina ;; esac
		lamina_words="guest=linux $(words "${lamina%,-}")" guest_words="$(words "$guest") rounds=$rounds cpus=$cpus"
		if [ "$vmm" = qemu ]; then
			echo "$name lab-qemu $name $cpus '$lamina_words' '$guest_words'"
			continue
		fi
		# shellcheck disable=SC2046 # words
		echo "$name lab-vmm --name $name --cpus $cpus --seconds 60$(monitor_words $(words "$monitor"))" \
			"--l1 /lab/lamina.elf --cmdline '$lamina_words' --module /lab/xp.img" \
			"--module-cmdline '$guest_words'"
	done <"$table"
}

# The test kernel as L1. Only one CPU: those that wait in it do so with interrupts off, for which Bochs does not exit.
kernel_runs() {
	for run in level1 storm storm-no-umip; do
		chosen "$run" long || continue
		case $run in *-no-umip) hide=1 ;; *) hide=0 ;; esac
		echo "$run lab-vmm --name $run --mib 128 --seconds 300 --hide-umip $hide --l1 /lab/testkernel.elf" \
			"--cmdline 'only=${run%-no-umip} off=acpi'"
	done
}

work=$build/lab/$vmm-$form
mkdir -p "$work"
{
	variant_runs
	[ "$vmm" = qemu ] || kernel_runs
} >"$work/runs"
[ -s "$work/runs" ] || die "no variant matches$patterns; lamina lab kvm --list shows them"
[ -z "$list" ] || {
	sed 's/ .*//' "$work/runs"
	exit 0
}
[ "$(uname -m)" = x86_64 ] || {
	echo "lamina: the laboratory needs a host of the kind x86_64" >&2
	exit 77
}

build_lamina
need_emulator
build_guest
get_kvm
need 'make the initrd' cpio gzip
run_make lab testkernel build/console
objcopy --strip-all "$build/testkernel.elf" "$work/testkernel.elf"
model=corei7_skylake_x cpus=1 memory=768 rom='' cd='' hd=$work/lab.img how=0
[ "$vmm" = own ] || lab_qemu "$work/extra"
lab_image "$work" "$work/runs" "lamina.elf=$build/lamina.elf" "xp.img=$build/lab/xp.img" \
	"lamina32.elf=$build/lab/lamina32.elf" \
	"testkernel.elf=$work/testkernel.elf"
stage "Bochs boots Debian's ${linux##*/linux-} with its KVM, for $(wc -l <"$work/runs") runs"
lab_emulate "$work" 1200 || how=$?
stage 'the machine is off'
[ "$how" -eq 0 ] || echo "lamina: L0 did not come to its end; its console is in $work/serial.txt" >&2

awk -v rounds="$rounds" -f "$top/script/lab/results.awk" "$table" "$work/serial.txt" | grep -Ev '^(level1|storm)' >"$work/results" || :
[ ! -s "$work/results" ] || awk -f "$top/script/lab/table.awk" "$work/results"
[ "$vmm" = qemu ] || awk -f "$top/script/lab/kernel.awk" "$top/script/lab/kernel-known" "$work/serial.txt" >"$work/kernel"
[ ! -s "$work/kernel" ] || {
	printf '\nthe test kernel as L1:\n'
	cat "$work/kernel"
	grep -v '^#' "$work/kernel" >>"$work/results"
}
! grep -Eqv ' judged=ok( |$)' "$work/results" && [ "$how" -eq 0 ] &&
	[ "$(wc -l <"$work/results")" -eq "$(wc -l <"$work/runs")" ]
