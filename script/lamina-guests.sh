# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # $top comes from ./lamina
# ./lamina test guests: the table of guests in README.md, from what the boots of judge guestos left in build/test
set -eu
. "$top/script/lib/common.sh"

usage() {
	cat <<-'EOF'
		usage: lamina test guests

		Writes the table of guests in README.md (between the lines with "guests:"). A cell is what the last boot of
		that case in build/test/NAME/ showed; without one, what stood there stays. Exits with 1 where a cell has
		neither a result nor a limit of the platform in test/boot/guests, or a boot has failed.
	EOF
}

case ${1:-} in
'') ;;
--help) usage && exit 0 ;;
*) die "test guests: takes no '$1'" ;;
esac

cd "$top"
how=0
cat build/test/*/figures 2>/dev/null >build/figures || die 'no results: ./lamina test --all first'
awk -v readme=README.md '
function cell(model, native, lamina) {
	if (model ~ /^qemu/)
		return sprintf("%.1f / %.1f s", native / 10, lamina / 10)
	return sprintf("%d / %d M", native / 1e6, lamina / 1e6)
}
function platform(model) { return model ~ /^qemu/ ? 1 : model == "ryzen" ? 3 : 2 }
BEGIN { name[1] = "AMD-V (QEMU)"; name[2] = "VT-x (Bochs)"; name[3] = "AMD-V (Bochs)" }
function trim(s) { sub(/^ */, "", s); sub(/ *$/, "", s); return s }
function out() {
	print "| guest | CPUs | " name[1] " | " name[2] " | " name[3] " |"
	print "|-------|------|--------------|--------------|---------------|"
	for (r = 1; r <= rows; r++) {
		line = "| " label[r] " | " ncpus[r]
		for (p = 1; p <= 3; p++) {
			c = result[r, p]
			if (c == "" && old[label[r] " " ncpus[r], p] !~ /^\[/) c = old[label[r] " " ncpus[r], p]
			if (!planned[label[r], ncpus[r], p]) c = !limit[r, p] ? "" : "[" limit[r, p] "]"
			if (c == "") {
				c = "?"
				print "no result and no limit: " label[r] ", " ncpus[r] " CPUs, " name[p] >"/dev/stderr"
				bad = 1
			}
			line = line " | " c
		}
		print line " |"
	}
	print ""
	for (n = 1; n <= notes; n++)
		print "[" n "] " note[n] ".  "
}
FILENAME ~ /guests$/ {
	if (/^#/ || !NF) next
	split($0, f, / +[|] +/)
	if (f[1] == "limit") {
		k = 0
		for (n = 1; n <= notes; n++) if (note[n] == f[4]) k = n
		if (!k) note[k = ++notes] = f[4]
		m = split(f[2], who, " ")
		for (i = 1; i <= m; i++) limit_of[who[i], platform(f[3])] = k
	} else {
		order[++guests] = f[1]
	}
	next
}
FILENAME ~ /cases$/ {
	if ($2 != "guestos") next
	guest = $0; sub(/.*guest=/, "", guest); sub(/ .*/, "", guest)
	key = guest (/start=linux/ ? ", by guest=linux" : "")
	planned[key, $4, platform($3)] = 1
	if (!((key, $4) in seen)) { seen[key, $4] = 1; want[key] = want[key] " " $4 }
	next
}
FILENAME ~ /figures$/ {
	key = $1 ($4 == "linux" ? ", by guest=linux" : "")
	done[key, $3, platform($2)] = $5 == 0 ? cell($2, $6, $7) : "fails"
	if ($5) { print "failed: " key ", " $3 " CPUs, " $2 >"/dev/stderr"; bad = 1 }
	next
}
/^<!-- guests: begin/ {
	in_table = 1
	while ((getline old_line < readme) > 0) {
		if (old_line ~ /^\| [a-z]/) {
			n = split(old_line, f, "|")
			for (p = 1; p <= 3; p++) if (trim(f[p + 3]) != "?") old[trim(f[2]) " " trim(f[3]), p] = trim(f[p + 3])
		}
	}
	for (g = 1; g <= guests; g++)
		for (s = 0; s < 2; s++) {
			key = order[g] (s ? ", by guest=linux" : "")
			m = split(want[key], numbers, " ")
			for (i = 1; i <= m; i++) {
				label[++rows] = key
				ncpus[rows] = numbers[i]
				for (p = 1; p <= 3; p++) {
					result[rows, p] = done[key, numbers[i], p]
					limit[rows, p] = limit_of[order[g], p]
				}
			}
		}
	print; print ""; out(); print ""
	next
}
/^<!-- guests: end/ { in_table = 0; whole = 1 }
!in_table { print }
END { exit whole ? bad : 2 }' test/boot/guests test/boot/cases build/figures README.md >build/README.md || how=$?
[ "$how" -le 1 ] || die 'README.md was left as it is'
cat build/README.md >README.md
exit "$how"
