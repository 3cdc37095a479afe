# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154,SC2034 # $top comes from ./lamina; the machine's variables are boot.sh's
# ./lamina fuzz
set -eu
. "$top/script/lib/common.sh"
. "$top/script/lib/boot.sh"

usage() {
	cat <<-'EOT'
		usage: lamina fuzz kernel [--platform P] [--cpus N] [--hours N] [--seed N] [--count N]

		Runs random instruction sequences (doc/testing.md) bare and on Lamina, one seed after the other, and compares.
		P: bochs-intel (default), bochs-amd, qemu, or qemu-threads: QEMU with a thread for each CPU. There no two runs
		are equal, bare ones neither, so nothing is compared: Lamina has to come to the end, with nothing found and
		nobody blamed. --hours: how long (1); --count: sequences of each CPU, stream and seed (20000); --seed: the
		first. Without --seed it goes on where the last run on that platform ended.

		What has been run is in build/fuzz-kernel/, a line a seed; so are the consoles of a seed that differs, and
		what to boot to see it again. Exits with 1 when one did so.
	EOT
}

case ${1:-} in
kernel) shift ;;
--help) usage && exit 0 ;;
'') die 'fuzz what? There is: lamina fuzz kernel' ;;
*) die "fuzz: there is no '$1' to fuzz; see lamina fuzz --help" ;;
esac
platform=bochs-intel cpus=2 hours=1 seed='' count=20000
while [ $# -gt 0 ]; do
	case $1 in
	--help) usage && exit 0 ;;
	--platform | --cpus | --hours | --seed | --count)
		value "$@"
		case $1 in
		--platform) platform=$2 ;;
		--cpus) number "$1" "$2" 1 4 && cpus=$2 ;;
		--hours) number "$1" "$2" 1 999 && hours=$2 ;;
		--seed) number "$1" "$2" 1 999999 && seed=$2 ;;
		--count) number "$1" "$2" 1 9999999 && count=$2 ;;
		esac
		shift
		;;
	*) die "fuzz: unknown option '$1'; see lamina fuzz --help" ;;
	esac
	shift
done
off='' options=sipi=hold ways='bare lamina' well=same ill=DIFFERS
case $platform in
bochs-intel) model=corei7_skylake_x bare=$model ;;
bochs-amd) model=ryzen bare=$model ;;
qemu) model=qemu:EPYC bare=qemu:EPYC,-svm off=off=acpi options=cpuid=native icount=1 ;; # or no two runs are equal
qemu-threads) model=qemu:EPYC off=off=acpi options=cpuid=native ways=lamina well=ended ill=FAILED ;;
*) die "--platform is bochs-intel, bochs-amd, qemu or qemu-threads, not '$platform'" ;;
esac
memory=128 rom='' hd='' cd='' ignore_bad_msrs=0
build_lamina
need_emulator
run_make testkernel build/console
work=$build/fuzz-kernel/$platform-$cpus
done_list=$work/done.txt
mkdir -p "$work"
[ -n "$seed" ] || seed=$(($(tail -n 1 "$done_list" 2>/dev/null | cut -d ' ' -f 1 || true) + 1))

# run bare|lamina: the test kernel with this seed
run() {
	sub=$1 shown=$model
	[ "$sub" = lamina ] || model=$bare
	mkdir -p "$work/$sub"
	words="only=fuzz fuzz.seed=$seed fuzz.count=$count $off"
	testkernel_disk "$work/$sub" "$words"
	hd=$work/$sub/testkernel.img cd=''
	[ "$sub" = bare ] || {
		disk_on_lamina "$work/$sub" "guest=bios drive=hd0 $options"
		cd=$work/$sub/lamina.img
	}
	emulate "$work/$sub" 36000 || true
	model=$shown
	grep -E '^(ok|not ok|Bail|1\.\.)' "$work/$sub/serial.txt" >"$work/$sub/lines" || true
}

# as_due: what ran is the same, and ended well
as_due() {
	[ "$ways" = lamina ] || cmp -s "$work/bare/lines" "$work/lamina/lines" || return 1
	grep -q '^1\.\.' "$work/lamina/lines" && ! grep -Eq '^(not ok|Bail)' "$work/lamina/lines" &&
		! grep -q '; verdict: ' "$work/lamina/serial.txt"
}

end=$(($(date +%s) + hours * 3600)) failed=0
while [ "$(date +%s)" -lt "$end" ]; do
	started=$(date +%s)
	for way in $ways; do run "$way"; done
	found=$well
	as_due || {
		found=$ill failed=1
		rm -rf "$work/seed-$seed"
		mkdir "$work/seed-$seed"
		for way in $ways; do cp "$work/$way/serial.txt" "$work/seed-$seed/$way.txt"; done
		echo "seed $seed: see $work/seed-$seed, and boot with fuzz.seed=$seed fuzz.from=N fuzz.cpu=N fuzz.count=1" >&2
	}
	echo "$seed $found $((2 * count * cpus)) sequences $(($(date +%s) - started)) s" | tee -a "$done_list"
	seed=$((seed + 1))
done
exit $failed
