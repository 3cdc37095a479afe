# SPDX-License-Identifier: MIT
# results.awk VARIANTS CONSOLE: what the console of L0 says of each variant, one line a variant:
#   NAME stuffs=N rounds=N cr4=N cr0=N later=N gp=N exits=N platform=N dropped=N end=HOW judged=ok|KEY,... probe=REGISTER.BIT verdict=WORDS
# platform: exits that Lamina judges to be its fault; dropped: writes from which it took what was shown (quirk=).
# judged: the keys that are not as the line of VARIANTS says. -v rounds=N: what R stands for.

function value_of(due,  n) {
	sub(/^[a-z0-9]*[=>]/, "", due)
	if (due ~ /R/) {
		n = due
		sub(/R.*/, "", n)
		sub(/^[0-9]*R\+?/, "", due)
		return (n == "" ? 1 : n) * rounds + due
	}
	return due + 0
}

# finish: the line of the variant whose run ended
function finish(how,  i, key, bad, n, due) {
	split(dues[name], due, ",")
	for (i = 1; i in due; i++) {
		key = due[i]
		sub(/[=>].*/, "", key)
		if (key == "verdict") {
			if (due[i] != "verdict=" verdict)
				bad = bad (bad == "" ? "" : ",") key
			continue
		}
		n = value_of(due[i])
		if (due[i] ~ />/ ? !(seen[key] > n) : seen[key] != n)
			bad = bad (bad == "" ? "" : ",") key
	}
	if (how != "power-off" || cpus_seen != cpus[name])
		bad = bad (bad == "" ? "" : ",") "end"
	printf "%s", name
	for (i = 1; i in keys; i++)
		printf " %s=%s", keys[i], keys[i] in seen ? seen[keys[i]] : "-"
	printf " end=%s judged=%s probe=%s verdict=%s\n", how, bad == "" ? "ok" : bad, probe == "" ? "-" : probe, verdict == "" ? "-" : verdict
	name = ""
}

BEGIN { split("stuffs rounds cr4 cr0 later gp exits platform dropped", keys, " ") }
FILENAME == ARGV[1] {
	if ($0 !~ /^#/ && NF) {
		dues[$1] = $7
		cpus[$1] = $3
	}
	next
}
/^lab: run [^ ]+ at / {
	if (name != "")
		finish("nothing")
	name = $3
	delete seen
	seen["exits"] = 0
	cpus_seen = 0
	verdict = probe = ""
}
/^xp: cpu/ {
	cpus_seen++
	for (i = 3; i <= NF; i++) {
		split($i, pair, "=")
		seen[pair[1]] += pair[2]
	}
}
/^xp: end / {
	for (i = 3; i <= NF; i++) {
		split($i, pair, "=")
		seen[pair[1]] = pair[2]
	}
	others = seen["guest"] + seen["lamina"] + seen["undecided"]
	if (others)
		verdict = verdict (verdict == "" ? "" : "+") "others"
}
/^lamina: exits cpu[0-9]+ CR / { seen["exits"] += $5 }
/^lamina: probe: cpu [0-9]+: platform leaks / && probe == "" {
	probe = $7
	sub(/:$/, "", probe)
}
/^lamina: .*; verdict: platform: / {
	who = $0
	sub(/.*; verdict: platform: /, "", who)
	if (who ~ /^L0:/ && / (MOV CR0|LMSW|CLTS) /)
		next # of CR0 nobody can tell which part of L0 it was: a disturbance by the clock meets such an access now and then
	sub(/:.*/, "", who)
	gsub(/ /, "-", who)
	if (index("+" verdict "+", "+" who "+") == 0)
		verdict = verdict (verdict == "" ? "" : "+") who
}
/^lab: [^ ]+ end=/ && $2 == name {
	how = substr($3, 5)
	for (i = 4; i <= NF; i++) {
		split($i, pair, "=")
		seen["stuffs"] += pair[2]
	}
	finish(how)
}
END {
	if (name != "")
		finish("nothing")
}
