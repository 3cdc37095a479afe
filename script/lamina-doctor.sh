# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # $top comes from ./lamina
# ./lamina doctor
set -eu
. "$top/script/lib/common.sh"
. "$top/script/lib/kvm.sh"

case ${1:-} in
'') ;;
--help)
	echo 'usage: lamina doctor'
	echo 'Shows what this machine and its emulators can do for Lamina. Installs and changes nothing.'
	exit 0
	;;
*) die "doctor: takes no '$1'" ;;
esac

row() {
	printf '%-18s %s\n' "$1" "$2"
}

# tool NAME WHAT-FOR VERSION-COMMAND...: one row, with the version where the tool is there
tool() {
	name=$1 why=$2
	shift 2
	if command -v "$1" >/dev/null; then
		row "$name" "$("$@" 2>&1 </dev/null | grep -Eo '[0-9]+(\.[0-9]+)+' | head -n 1)"
	else
		row "$name" "missing: $why"
	fi
}

row system "$(. /etc/os-release && echo "$PRETTY_NAME"), Linux $(uname -r)"
row CPU "$(sed -n 's/^model name\t*: *//p' /proc/cpuinfo | head -n 1)"
row cores "$(nproc)"
row memory "$(awk '/^MemTotal/ { t = $2 } /^MemAvailable/ { a = $2 } END { printf "%d MiB, %d free", t / 1024, a / 1024 }' /proc/meminfo)"
row 'disk, free' "$(df -Pm "$top" | awk 'NR == 2 { print $4 " MiB" }')"
row virtualization "$(cpu_virtualization || echo 'neither VT-x nor AMD-V')"
missing=$(kvm_missing)
if [ -z "$missing" ]; then row KVM 'usable: lamina run --platform kvm'; else row KVM "not usable: $missing"; fi
if [ -d /sys/firmware/efi ]; then
	row firmware 'UEFI: lamina install cannot be used here'
else
	row firmware 'BIOS, or none to be seen'
fi
if [ "$(id -u)" -eq 0 ]; then row packages 'installed as root'; elif command -v sudo >/dev/null; then
	row packages 'installed by sudo'
else
	row packages 'cannot be installed: not root, and no sudo'
fi
echo
tool gcc 'builds Lamina' gcc --version
tool clang 'builds Lamina, and its tests' clang --version
tool make 'builds Lamina' make --version
tool grub-mkrescue 'makes bootable images' grub-mkrescue --version
tool xorriso 'makes bootable images' xorriso --version
tool musl-gcc "builds the guest's programs" musl-gcc --version
tool prove 'runs the tests' prove --version
tool Bochs 'emulates VT-x and AMD-V' bochs --help
tool QEMU 'emulates AMD-V' qemu-system-x86_64 --version
kernels=$(find "$cache" -maxdepth 1 -name 'linux-[0-9]*' 2>/dev/null | sed 's,.*/linux-,,' | sort -V | tr '\n' ' ')
row 'guest kernels' "${kernels:-none fetched yet}"
if command -v bochs >/dev/null; then
	echo
	echo "Bochs's CPU models, for lamina run --model. Lamina needs VT-x with EPT and unrestricted guest:"
	echo 'corei5_arrandale_m520, corei7_sandy_bridge_2600k and the newer Intel models have them. Or AMD-V: ryzen.'
	bochs --help cpu 2>&1 | sed -n '/^Supported CPU models/,/^ *$/p' | sed '1d; /^ *$/d' | fmt -w 96 | sed 's/^ */  /'
fi
