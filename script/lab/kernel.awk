# SPDX-License-Identifier: MIT
# kernel.awk KNOWN CONSOLE: what the test kernel found as L1, one line a run:
#   NAME cases=N failed=N end=HOW judged=ok|new|gone|end
# KNOWN has the cases that fail on this KVM, each after the run's name. new: another fails as well; gone: one of them
# does not. Those are shown, on lines that start with "# ".

function finish(how,  i, word) {
	word = how == "power-off" && plan && plan == cases ? "ok" : "end"
	for (i in known)
		if (index(i, name " ") == 1 && !(i in failed)) {
			print "# " i ": does not fail"
			word = word == "ok" ? "gone" : word
		}
	for (i in failed)
		if (!(i in known)) {
			print "# " i ": fails"
			word = "new"
		}
	printf "%s cases=%d failed=%d end=%s judged=%s\n", name, cases, n, how, word
	name = ""
}

FILENAME == ARGV[1] {
	if ($0 !~ /^#/ && NF)
		known[$0]
	next
}
/^lab: run (level1|storm)/ {
	name = $3
	delete failed
	cases = n = plan = 0
}
name == "" { next }
/^(not )?ok [0-9]+ - / { cases++ }
/^not ok / {
	sub(/^not ok [0-9]+ - /, "")
	failed[name " " $0]
	n++
}
/^1\.\.[0-9]+/ { plan = substr($0, 4) + 0 }
/^lab: [^ ]+ end=/ && $2 == name { finish(substr($3, 5)) }
END {
	if (name != "")
		finish("nothing")
}
