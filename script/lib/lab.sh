# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # the variables are lamina-lab.sh's
# The laboratory's machine: Debian's kernel with its KVM as L0 on Bochs, an initrd of ours, and what comes out of it.

# Sets $kvm to a folder with the modules kvm, kvm-intel and irqbypass of the kernel in $linux, as Debian built them.
get_kvm() {
	kvm=$linux/kvm
	[ ! -e "$kvm/kvm-intel.ko" ] || return 0
	version=${linux##*/linux-}
	need "fetch Debian's kernel" apt=apt-cache dpkg=dpkg-deb
	apt_update
	stage "fetching the modules of KVM from linux-image-$version (70 MB, once) to $kvm"
	tmp=$cache/tmp.$$
	rm -rf "$tmp"
	mkdir -p "$tmp"
	(cd "$tmp" && apt-get download "linux-image-$version") >"$cache/apt.log" 2>&1 || {
		rm -rf "$tmp"
		die "apt has no linux-image-$version any more: remove $linux, and a newer kernel is fetched"
	}
	dpkg-deb --fsys-tarfile "$tmp"/*.deb |
		tar -x -C "$tmp" --wildcards '*/kvm.ko' '*/kvm-intel.ko' '*/irqbypass.ko'
	rm "$tmp"/*.deb
	mkdir "$tmp/kvm"
	find "$tmp/lib" -name '*.ko' -exec mv -t "$tmp/kvm" {} +
	rm -rf "$kvm"
	mv "$tmp/kvm" "$kvm"
	rm -rf "$tmp"
}

# What L0 needs on its command line besides: Bochs claims a TSC of 3.5 GHz and runs it at 50 MHz, so by it every
# timer would be 70 times too late.
lab_append="$linux_append quiet panic=-1 clocksource=acpi_pm"

# lab_image DIR RUNS [NAME=FILE]...: DIR/lab.img, whose L0 runs the lines of the file RUNS; the files go to its /lab,
# what is in DIR/extra, if there is such a folder, to its root.
lab_image() {
	dir=$1
	root=$dir/root
	rm -rf "$root"
	mkdir -p "$root/bin" "$root/dev" "$root/lib" "$root/lab"
	cp "$linux/bin/busybox" "$build/lab/lab-vmm" "$root/bin/"
	cp "$2" "$root/lab/runs"
	for module in kvm kvm-intel irqbypass; do
		strip --strip-debug -o "$root/lib/$module.ko" "$kvm/$module.ko"
	done
	install -m 755 "$top/guest/lab-init" "$root/init"
	shift 2
	for file in "$@"; do
		cp "${file#*=}" "$root/lab/${file%%=*}"
	done
	[ ! -e "$dir/extra" ] || cp -al "$dir/extra/." "$root/"
	(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet | gzip -1n) >"$dir/initrd.gz"
	rm -rf "$root"
	{
		grub_head
		echo "linux /vmlinuz $lab_append"
		echo "initrd /initrd.gz"
		echo "boot"
	} >"$dir/grub.cfg"
	grub_image "$dir/lab.img" "$dir/grub.cfg" "vmlinuz=$build/guest/vmlinuz-unpacked" "initrd.gz=$dir/initrd.gz"
}

# lab_qemu DIR: Debian's QEMU with the libraries and ROMs that it needs there
lab_qemu() {
	rm -rf "$1"
	mkdir -p "$1/bin" "$1/tmp" "$1/usr/share/qemu" "$1/usr/share/seabios"
	qemu=$(readlink -f "$(command -v qemu-system-x86_64)")
	cp "$qemu" "$1/bin/qemu-system-x86_64"
	install -m 755 "$top/guest/lab-qemu" "$1/bin/"
	ldd "$qemu" | grep -o '/[^ ]*' | while read -r file; do
		mkdir -p "$1${file%/*}"
		cp -L "$file" "$1$file"
	done
	cp /usr/share/qemu/kvmvapic.bin /usr/share/qemu/multiboot*.bin "$1/usr/share/qemu/"
	cp /usr/share/seabios/bios-256k.bin "$1/usr/share/seabios/"
}

# lab_emulate DIR SECONDS: runs it, with a line for each step. Returns as emulate does.
lab_emulate() {
	: >"$1/serial.raw"
	emulate "$1" "$2" &
	machine=$!
	# the reader ends with the machine
	tail -n +1 -s 0.5 -f --pid=$machine "$1/serial.raw" 2>/dev/null | sed -u 's,\r,,' | while IFS= read -r said; do
		case $said in 'lab: '*' at '*' s') stage "L0: ${said#lab: }" ;; esac
	done
	wait "$machine"
}
