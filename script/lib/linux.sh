# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Debian's kernel and busybox for the guest, from their packages; nothing of it is installed on the host.

# What every Linux guest gets on its command line. For time: no mitigations, no self-tests of ciphers, and
# HLT to idle, because on older models MWAIT stops the local timer and waits for a slow one. Bochs
# claims a TSC of 3.5 GHz and runs it at 50 MHz, so timers by TSC deadline would take 70 times as long; a
# bare Linux refuses them there because of an erratum that it does not look for under a hypervisor.
linux_append='console=ttyS0,115200 nokaslr mitigations=off cryptomgr.notests idle=halt'
linux_append="$linux_append lapic=notscdeadline"

# linux_words: those words, and what the CPU model of the emulator asks for ($model). Bochs's Ryzen has MWAITX, whose
# timer never ends the wait there: Linux would stay in its first delay. 221 is MWAITX in Linux's count.
# QEMU runs by the host's clock: on a busy host Linux's check of the timer sees too few ticks, and panics.
linux_words() {
	case $model in
	ryzen) echo "$linux_append clearcpuid=221" ;;
	qemu:*) echo "$linux_append no_timer_check" ;;
	*) echo "$linux_append" ;;
	esac
}

# real_package META [ARCH]: the newest package that a meta package stands for
real_package() {
	# shellcheck disable=SC2046
	apt-cache $(apt_options "${2:-}") depends "$1" 2>/dev/null | sed -n 's/^ *Depends: *//p' | head -n 1
}

# apt_options ARCH: what gives apt lists of its own for that architecture; the host's dpkg knows nothing of it.
# Nothing for the host's own, which is also the empty one.
apt_options() {
	case $1 in
	'' | amd64) ;;
	*)
		echo "-o APT::Architecture=$1 -o APT::Architectures::=$1 -o Dir::Cache=$cache/apt-$1" \
			"-o Dir::State=$cache/apt-$1 -o Dir::State::status=$cache/apt-$1/status"
		;;
	esac
}

# fetch DIR ARCH PACKAGE...: downloads and unpacks packages into DIR; ARCH as for apt_options
fetch() {
	into=$1 for_arch=$2
	shift 2
	mkdir -p "$into/deb"
	# shellcheck disable=SC2046
	(cd "$into/deb" && apt-get $(apt_options "$for_arch") download "$@") >"$cache/apt.log" 2>&1 ||
		die "apt-get could not download $*: $(tail -n 1 "$cache/apt.log")"
	for deb in "$into"/deb/*.deb; do
		case $deb in
		*/linux-image-*) dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$into" ./boot ;;
		*) dpkg-deb -x "$deb" "$into" ;;
		esac
	done
	rm -r "$into/deb"
}

# Sets $linux to a folder with vmlinuz, headers/ and bin/busybox of Debian's newest kernel (amd64). A kernel that was
# fetched before is used again; remove the folder to get a newer one.
get_linux() {
	linux=$(find "$cache" -maxdepth 1 -name 'linux-[0-9]*' 2>/dev/null | sort -V | tail -n 1)
	[ -z "$linux" ] || return 0
	need "fetch Debian's kernel" apt=apt-cache dpkg=dpkg-deb
	apt_update
	image=$(real_package linux-image-amd64)
	[ -n "$image" ] || die 'apt knows no linux-image-amd64: this needs the Debian archive for amd64'
	version=${image#linux-image-}
	stage "fetching $image, its headers and busybox-static (82 MB, once) to $cache"
	tmp=$cache/tmp.$$
	rm -rf "$tmp"
	headers=linux-headers-$version
	kbuild=$(apt-cache depends "$headers" | sed -n 's/^ *Depends: *\(linux-kbuild-.*\)/\1/p' | head -n 1)
	fetch "$tmp" '' "$image" "$headers" "linux-headers-${version%-amd64}-common" "$kbuild" \
		busybox-static
	mv "$tmp/boot/vmlinuz-$version" "$tmp/vmlinuz"
	ln -s "usr/src/$headers" "$tmp/headers"
	linux=$cache/linux-$version
	# the only path in there that holds for an installed package alone
	sed -i "s,^include /usr/src,include $linux/usr/src," "$tmp/headers/Makefile"
	mv "$tmp" "$linux"
}

# Builds build/guest: initrd.gz and the kernel. Sets $linux.
build_guest() {
	need_build
	need "build the guest's programs" musl-tools=musl-gcc linux-libc-dev=/usr/include/linux/ioctl.h \
		gcc-12 libelf1=/usr/lib/x86_64-linux-gnu/libelf.so.1
	need 'make the initrd' cpio gzip
	need 'unpack the kernel' xz-utils=xz
	get_linux
	run_make guest LINUX="$linux"
	stage "guest: Debian's kernel ${linux##*/linux-} and our initrd"
}
