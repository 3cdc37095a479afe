# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # sourced by test/boot/run-case
# The short form of the laboratory: a real KVM under Lamina, with exact counts.

results=$build/lab/own-short/results
console=$build/lab/own-short/serial.txt

# as_due PATTERN N: N variants have such a name, and all of them came out as due
as_due() {
	[ "$(grep -Ec "^($1) .* judged=ok " "$results")" -eq "$2" ]
}

ok 'lamina lab kvm ends with 0' quietly "$work/lab.txt" "$top/lamina" lab kvm --short
ok 'every variant has its line' [ "$(wc -l <"$results")" -eq "$("$top/lamina" lab kvm --list | wc -l)" ]
ok 'undisturbed, Lamina and its guest see nothing wrong, with one CPU and with two' as_due 'none[a-z0-9-]*|get' 7
ok 'nor when registers are set while Lamina runs' as_due l1 1
ok "userspace's setting of registers is seen" as_due 'sregs2?|sync|sregs-(before|2|all|ne)' 7
ok 'where CR0.PG is owned, only behind its exit' as_due 'sregs-pg(-before)?' 2
ok "an SMI and LMSW, which L0's kernel does alone, are seen" as_due 'smi|smi-cross|lmsw' 3
ok 'with quirk=auto the guest gets no #GP, and goes on as it should' as_due '(sregs|sregs-2|sregs-ne|smi)-quirk' 4
says() {
	[ "$(grep -Ec " verdict=$1\$" "$results")" -eq "$2" ]
}
ok "L0's userspace is blamed for what it did" says L0-userspace 11
ok "L0's kernel is blamed for SMIs" says L0-kernel 3
ok 'and nobody where nothing was wrong' says - 10
# where Lamina owns MP, its probe's LMSW is its own to carry out
ok "the probe says before the boot that LMSW leaks CR0.NE, but where all is owned" \
	[ "$(grep -c ' probe=CR0.NE ' "$results")" -eq "$(grep -vc '^none-all ' "$results")" ]
log=$console
ok "no panic" count 0 '^lamina: PANIC|Kernel panic'
[ "$failed" -eq 0 ] || tail -n 40 "$work/lab.txt" | sed 's/^/# /' >&2
