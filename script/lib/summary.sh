# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What a serial console's log says about a run. The lines it reads are Lamina's and guest/init's.

# plain LOG: without carriage returns
plain() {
	tr -d '\r' <"$1"
}

# tick LOG PREFIX: the first tick that the first line that starts with PREFIX tells
tick() {
	plain "$1" | sed -n "s/^$2[^0-9]* at tick \([0-9]*\).*/\1/p" | head -n 1
}

# exits LOG: the number of exits at power-off
exits() {
	plain "$1" | sed -n 's/^lamina: exits total \([0-9]*\)$/\1/p'
}

# virtualized LOG: how many CPUs answered the guest's last round of probes as Lamina's
virtualized() {
	plain "$1" | awk '/^guest: cpu [0-9]+ virtualized by lamina/ { n++ } /^guest: cpu [0-9]+ bare/ { bare++ }
		/^guest: CPUs online/ { last = bare ? 0 : n; n = bare = 0 } END { print last + 0 }'
}

# summary LOG CPUS: prints it; false unless Lamina had all CPUs and the guest powered off
summary() {
	start=$(tick "$1" 'lamina: guest')
	userspace=$(tick "$1" 'guest: userspace')
	off=$(tick "$1" 'lamina: power-off')
	if plain "$1" | grep -q '^lamina: PANIC'; then
		echo "lamina: it panicked; the whole console is in $1" >&2
		return 1
	fi
	plain "$1" | grep '^lamina: cannot virtualize' >&2 && return 1
	[ -n "$off" ] || {
		echo "lamina: no power-off seen; the whole console is in $1" >&2
		return 1
	}
	echo
	echo "CPUs       $(virtualized "$1") of $2 ran on Lamina"
	echo "memory     $(plain "$1" | sed -n 's/^lamina: memory .*(\(.*\)) taken$/\1/p') taken from the guest"
	echo "ticks      ${start:-?} to the guest's start, ${userspace:-?} to userspace, $off to power-off"
	echo "exits      $(exits "$1") in all"
	plain "$1" | awk '/^lamina: exits cpu[0-9]+ / { n[$4] += $5; if (!($4 in seen)) { seen[$4] = 1; k[++m] = $4 } }
		END { for (i = 1; i <= m; i++) printf "           %-12s %8d\n", k[i], n[k[i]] }'
	[ "$(virtualized "$1")" -eq "$2" ]
}
