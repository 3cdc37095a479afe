# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # $cache and $top come from common.sh and ./lamina
# Other systems as guests, from Debian's packages: test/boot/guests lists them. They are unpacked below
# ~/.cache/lamina/guests; nothing is installed on the host.

guest_dir=$cache/guests

# guest_line NAME: the guest's line of the table
guest_line() {
	awk -F ' +[|] +' -v name="$1" '$1 == name' "$top/test/boot/guests"
}

# guest_field NAME COLUMN
guest_field() {
	guest_line "$1" | awk -F ' +[|] +' -v n="$2" '{ sub(/ *$/, "", $n); print $n }'
}

# apt_lists ARCH: lists of an architecture that is not the host's, at most a day old
apt_lists() {
	lists=$cache/apt-$1
	[ -z "$(find "$lists/fresh" -mtime -1 2>/dev/null)" ] || return 0
	stage "fetching Debian's list of packages for $1"
	mkdir -p "$lists/lists/partial" "$lists/archives/partial"
	: >"$lists/status"
	# shellcheck disable=SC2046
	apt-get $(apt_options "$1") update >"$cache/apt.log" 2>&1 || :
	# of several sources one may not have this architecture, which matters only if ours does not
	[ -n "$(real_package linux-image-686 "$1")" ] ||
		die "apt has no packages for $1: $(tail -n 1 "$cache/apt.log")"
	: >"$lists/fresh"
}

# get_package [ARCH:]PACKAGE: unpacks it to $guest_dir/PACKAGE
get_package() {
	want=${1#*:} arch=''
	[ "$want" = "$1" ] || arch=${1%%:*}
	[ ! -d "$guest_dir/$want" ] || return 0
	if [ "$want" = linux-image-amd64 ]; then
		get_linux
		mkdir -p "$guest_dir/$want/boot"
		cp "$linux/vmlinuz" "$guest_dir/$want/boot/"
		return 0
	fi
	case $arch in '') apt_update ;; *) apt_lists "$arch" ;; esac
	real=$want
	case $want in linux-image-*)
		real=$(real_package "$want" "$arch")
		[ -n "$real" ] || die "apt knows no $1"
		;;
	esac
	stage "fetching $real${arch:+ for $arch} (once) to $guest_dir"
	new=$guest_dir/tmp.$$
	rm -rf "$new"
	fetch "$new" "$arch" "$real"
	for image in "$new"/boot/vmlinuz-*; do
		[ ! -e "$image" ] || mv "$image" "$new/boot/vmlinuz"
	done
	mv "$new" "$guest_dir/$want"
}

# get_guests NAME...: fetches what these guests are, and builds what goes with them
get_guests() {
	need "fetch guests from Debian's archive" apt=apt-cache dpkg=dpkg-deb xz-utils=xz
	need "build 32-bit programs for guests" gcc-multilib=/usr/lib32/libc.a cpio gzip
	mkdir -p "$guest_dir"
	for guest in "$@"; do
		[ -n "$(guest_line "$guest")" ] || die "no guest '$guest' in test/boot/guests"
		for package in $(guest_field "$guest" 2); do
			[ "$package" = - ] || get_package "$package"
		done
	done
	get_package i386:busybox-static
	for image in "$guest_dir"/linux-image-*/boot/vmlinuz; do
		[ ! -e "$image" ] || [ -e "$image-unpacked" ] || "$top/guest/unpack.sh" "$image" "$image-unpacked"
	done
	run_make guest32 BUSYBOX32="$guest_dir/busybox-static/bin/busybox"
}
