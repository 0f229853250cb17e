#!/usr/bin/env bash
# Runs every fuzz target of the repository for a short time each: fuzz.sh [TIME], 3s by default.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
time=${1:-3s}

# fuzz BINARY TARGET DIR runs one target, its output in BINARY.log. A run that ends with the fuzzer's own deadline, and no failing input, is a race in Go's
# coordinator (golang/go#75804): it is done again.
fuzz() {
	for _ in 1 2 3; do
		(cd "$3" && "$1" -test.run '^$' -test.fuzz "^$2\$" -test.fuzztime "$time" -test.fuzzminimizetime 1s \
			-test.fuzzcachedir "$(go env GOCACHE)/fuzz/$3" </dev/null) >"$1.log" 2>&1 && return
		[ "$(grep -A1 '^--- FAIL' "$1.log" | tail -1)" = '    context deadline exceeded' ] && ! grep -q 'Failing input' "$1.log" || return
	done
	return 1
}

grep -rl --include='*_test.go' '^func Fuzz' cmd dockerbuild emulator gateway runtimeapi | xargs -n1 dirname | sort -u | while read -r dir; do
	binary=$(mktemp)
	go test -c -fuzz . -o "$binary" "./$dir"
	grep -ho '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go | sed 's/^func //' | sort -u | while read -r target; do
		printf '%-24s %-28s' "$dir" "$target"
		fuzz "$binary" "$target" "$dir" || { cat "$binary.log"; exit 1; }
		grep -o 'execs: [0-9]*' "$binary.log" | tail -1 || echo
	done
	rm -f "$binary" "$binary.log"
done
