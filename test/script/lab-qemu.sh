# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # sourced by test/boot/run-case
# The laboratory with Debian's QEMU, which sets registers by itself.

# qemu_as_due PATTERN N: as as_due in lab.sh
qemu_as_due() {
	[ "$(grep -Ec "^($1) .* judged=ok " "$build/lab/qemu-short/results")" -eq "$2" ]
}

ok 'lamina lab kvm --vmm qemu ends with 0' quietly "$work/lab.txt" "$top/lamina" lab kvm --vmm qemu
ok 'what only runs sees nothing wrong, with one CPU and with two' qemu_as_due 'qemu-none(-2)?' 2
ok 'the VMware port and an SMI are seen' qemu_as_due 'qemu-vmport|qemu-smi-1' 2
ok 'an SMI that CPU 1 asks for hits CPU 0' qemu_as_due qemu-smi-2 1
ok 'accesses to the task priority are seen, by kvmvapic' qemu_as_due 'qemu-tpr-[12]' 2
ok "L0's kernel is blamed for SMIs, its userspace else" \
	[ "$(grep -c ' verdict=L0-kernel$' "$build/lab/qemu-short/results") $(grep -c ' verdict=L0-userspace$' "$build/lab/qemu-short/results")" = '2 3' ]
[ "$failed" -eq 0 ] || tail -n 40 "$work/lab.txt" | sed 's/^/# /' >&2
