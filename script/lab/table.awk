# SPDX-License-Identifier: MIT
# The lines of results.awk as a table for people.
BEGIN {
	printf "\n%-16s %7s %7s %9s %9s %6s %6s %8s %8s %7s  %-7s %-14s %s\n", "variant", "stuffs", "rounds", "wrong CR4", "wrong CR0",
		"later", "#GP", "CR exits", "platform", "dropped", "probe", "Lamina says", "as due"
}
{
	for (i = 2; i <= NF; i++) {
		split($i, pair, "=")
		is[pair[1]] = pair[2]
	}
	printf "%-16s %7s %7s %9s %9s %6s %6s %8s %8s %7s  %-7s %-14s %s\n", $1, is["stuffs"], is["rounds"], is["cr4"], is["cr0"],
		is["later"], is["gp"], is["exits"], is["platform"], is["dropped"], is["probe"], is["verdict"], is["judged"] == "ok" ? "yes" : "NO: " is["judged"]
}
