# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Can this machine run Lamina in a virtual machine of its own? The variable LAMINA_SYSROOT, for the tests, is a folder
# with dev, proc and sys in place of the real ones.

# cpu_virtualization: vmx, svm or nothing
cpu_virtualization() {
	sed -n '/^flags[\t ]*:/{p;q}' "${LAMINA_SYSROOT:-}/proc/cpuinfo" | tr ' ' '\n' | grep -xE 'vmx|svm'
}

# kvm_missing: one line with the first thing that is missing for --platform kvm; nothing where all is there
kvm_missing() {
	root=${LAMINA_SYSROOT:-}
	case $(cpu_virtualization) in
	vmx) module=kvm_intel ;;
	svm) module=kvm_amd ;;
	*)
		echo 'the processor has neither VT-x nor AMD-V (no vmx or svm in /proc/cpuinfo)'
		return
		;;
	esac
	nested=$root/sys/module/$module/parameters/nested
	if [ ! -e "$root/dev/kvm" ]; then
		echo "there is no /dev/kvm: modprobe $module"
	elif [ ! -r "$root/dev/kvm" ] || [ ! -w "$root/dev/kvm" ]; then
		echo 'no permission to read and write /dev/kvm: be root, or in the group kvm'
	elif [ ! -r "$nested" ]; then
		echo "KVM has no nested virtualization: the module $module is not loaded"
	elif ! grep -q '^[1Y]' "$nested"; then
		echo "nested virtualization is off: $module has nested=$(cat "$nested")"
	fi
}
