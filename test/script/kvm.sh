# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # sourced by test/boot/run-case
# What is missing for --platform kvm, on machines that are made of files.

# says TEXT, with LAMINA_SYSROOT
says() {
	said=$(kvm_missing)
	[ "$said" = "$1" ]
}

# machine FLAG [MODULE NESTED]: a processor with this flag, /dev/kvm, and this module with this value of nested
machine() {
	rm -rf "$LAMINA_SYSROOT"
	mkdir -p "$LAMINA_SYSROOT/proc" "$LAMINA_SYSROOT/dev" "$LAMINA_SYSROOT/sys/module/${2:-none}/parameters"
	printf 'processor\t: 0\nmodel name\t: vmx-svm 3000\nflags\t\t: fpu %s sse2\n' "$1" >"$LAMINA_SYSROOT/proc/cpuinfo"
	: >"$LAMINA_SYSROOT/dev/kvm"
	[ $# -lt 3 ] || echo "$3" >"$LAMINA_SYSROOT/sys/module/$2/parameters/nested"
}

# as_nobody COMMAND: in a shell of a user without rights; the test may be root, who may all
as_nobody() {
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups sh -c "$1"
	else
		sh -c "$1"
	fi
}

forbidden() {
	chmod 000 "$LAMINA_SYSROOT/dev/kvm"
	said=$(as_nobody "$(cat "$top/script/lib/kvm.sh"); kvm_missing")
	[ "$said" = 'no permission to read and write /dev/kvm: be root, or in the group kvm' ]
}

# run_refuses: one line, exit code 1, and nothing was built for it
run_refuses() {
	code=0
	"$top/lamina" run --platform kvm >"$work/out" 2>"$work/err" || code=$?
	[ "$code" -eq 1 ] && [ ! -s "$work/out" ] && [ "$(cat "$work/err")" = "lamina: --platform kvm: $(kvm_missing)" ]
}

doctor_says() {
	"$top/lamina" doctor | grep -qx "KVM  *$1"
}

qemu_starts_with() {
	case $(machine_command "$work") in "$1"*) ;; *) return 1 ;; esac
}

# at / of the file system: the user of as_nobody must be able to come there
LAMINA_SYSROOT=$(mktemp -d /tmp/lamina-kvm.XXXXXX)
export LAMINA_SYSROOT
chmod 755 "$LAMINA_SYSROOT"

machine vmx kvm_intel Y
ok 'VT-x with nested=Y: nothing' says ''
ok 'doctor says so' doctor_says 'usable: lamina run --platform kvm'
machine svm kvm_amd 1
ok 'AMD-V with nested=1: nothing' says ''
ok 'no right to open /dev/kvm is said' forbidden
machine vmx kvm_intel N
ok 'nested=N is said' says 'nested virtualization is off: kvm_intel has nested=N'
ok 'run refuses with that line' run_refuses
ok 'doctor says it' doctor_says 'not usable: nested virtualization is off: kvm_intel has nested=N'
machine svm kvm_amd 0
ok 'nested=0 is said' says 'nested virtualization is off: kvm_amd has nested=0'
machine svm kvm_intel Y
ok "the other vendor's module is not enough" says 'KVM has no nested virtualization: the module kvm_amd is not loaded'
machine vmx kvm_intel Y
rm "$LAMINA_SYSROOT/dev/kvm"
ok 'no /dev/kvm is said' says 'there is no /dev/kvm: modprobe kvm_intel'
machine 'vmx_flags svm_lock' kvm_intel Y
ok 'a processor without both is said' says 'the processor has neither VT-x nor AMD-V (no vmx or svm in /proc/cpuinfo)'
ok 'run refuses with that line, too' run_refuses
model=kvm:host cpus=2 memory=512 hd=/disk cd=''
ok 'QEMU gets KVM and the processor of the host' qemu_starts_with 'exec qemu-system-x86_64 -accel kvm -cpu host -smp 2,'
model=qemu:EPYC
ok 'and its own emulation elsewhere' qemu_starts_with 'exec qemu-system-x86_64 -accel tcg -cpu EPYC -smp 2,'
rm -rf "$LAMINA_SYSROOT"
unset LAMINA_SYSROOT
