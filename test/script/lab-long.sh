# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # sourced by test/boot/run-case
# The long form of the laboratory: by the clock, and the test kernel as L1.

results=$build/lab/own-long/results

# long_as_due PATTERN N: as as_due in lab.sh
long_as_due() {
	[ "$(grep -Ec "^($1) .*judged=ok( |\$)" "$results")" -eq "$2" ]
}

ok 'lamina lab kvm --long ends with 0' quietly "$work/lab.txt" "$top/lamina" lab kvm --long
ok 'undisturbed, 20000 rounds are right' long_as_due 'none-long(-2)?' 2
ok 'registers set and SMIs by the clock are seen' long_as_due '(sregs|smi)-timer(-2|-pg)?' 5
ok 'with quirk=leak the guest is right to the end' long_as_due '(sregs|smi)-timer-2-quirk' 2
ok 'the test kernel finds of KVM what is known, and no more' long_as_due 'level1|storm(-no-umip)?' 3
[ "$failed" -eq 0 ] || tail -n 60 "$work/lab.txt" | sed 's/^/# /' >&2
