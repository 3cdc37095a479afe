# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # the variables are lamina-bench.sh's
# The results, and what is printed of them.

# result FIGURE NATIVE LAMINA [NOTE]
result() {
	[ -n "$2" ] && [ -n "$3" ] || die "bench: no figure for $1; the consoles are in $work"
	echo "$1;$2;$3;${4:-}" >>"$work/results"
}

# over A B: A / B
over() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.4f", a / b }'
}

# table PLATFORM: its figures in the order of the peers' file; false when one misses its target
table() {
	case $1 in
	bochs-intel) echo "VT-x in Bochs, corei7_skylake_x, ticks:" ;;
	bochs-amd) echo "AMD-V in Bochs, ryzen, ticks:" ;;
	qemu) echo "AMD-V in QEMU, EPYC, by the clock:" ;;
	esac
	awk -F ';' -v results="$build/bench/$1/results" -v peers="$([ "$1" != bochs-intel ] || echo 1)" '
		function big(x) { return x >= 1e6 ? sprintf("%.1f M", x / 1e6) : x }
		function row(what, default, best, native, ours, target, verdict) {
			line = sprintf("%-54s", what)
			if (peers)
				line = line sprintf(" %14s %12s", default, best)
			line = line sprintf(" %10s %10s %10s  %s", native, ours, target, verdict)
			sub(/ *$/, "", line)
			print line
		}
		BEGIN {
			while ((getline line <results) > 0) {
				split(line, f, ";")
				native[f[1]] = f[2]
				ours[f[1]] = f[3]
				note[f[1]] = f[4]
			}
			row("figure", "XMHF64", "XMHF64 best", "native", "Lamina", "target", "")
		}
		/^#/ || !($1 in ours) { next }
		{
			verdict = $5 == "-" ? "" : ours[$1] >= $5 ? "MISSED" : "met"
			any += verdict == "MISSED"
			row($2, big($3), big($4), big(native[$1]), big(ours[$1]), $5 == "-" ? "-" : "< " big($5), verdict)
			if (note[$1])
				print "    " note[$1]
		}
		END { print ""; exit any > 0 }' "$top/test/bench/peers"
}

# exits_table: the exits of the last boot of Linux with 2 CPUs, by kind, on each platform
exits_table() {
	set -- # the consoles
	for platform in $platforms; do
		set -- "$@" "$build/bench/$platform/exits"
	done
	awk -v platforms="$platforms" '
		BEGIN { n = split(platforms, name, " ") }
		FNR == 1 { file++ }
		/^lamina: exits cpu/ { if (!($4 in seen)) { seen[$4] = 1; kind[++kinds] = $4 } count[$4, file] += $5 }
		/^lamina: exits total/ { total[file] = $4 }
		function line(what, values, k,    i) {
			printf "%-20s", what
			for (i = 1; i <= n; i++)
				printf " %12s", k == "" ? values[i] : values[k, i] + 0
			print ""
		}
		END {
			line("exits, Linux, 2 CPUs", name, "")
			for (i = 1; i <= kinds; i++)
				line("  " kind[i], count, kind[i])
			line("  all", total, "")
		}' "$@"
}
