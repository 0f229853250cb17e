#!/usr/bin/env bash
# Runs every fuzz target of the repository for a short time each: fuzz.sh [TIME], 3s by default.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
time=${1:-3s}
grep -rl --include='*_test.go' '^func Fuzz' cmd dockerbuild emulator gateway runtimeapi | xargs -n1 dirname | sort -u | while read -r dir; do
	binary=$(mktemp)
	go test -c -fuzz . -o "$binary" "./$dir"
	grep -ho '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go | sed 's/^func //' | sort -u | while read -r target; do
		printf '%-24s %-28s' "$dir" "$target"
		(cd "$dir" && "$binary" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$time" -test.fuzzminimizetime 1s \
			-test.fuzzcachedir "$(go env GOCACHE)/fuzz/$dir" </dev/null) >"$binary.log" 2>&1 || { cat "$binary.log"; exit 1; }
		grep -o 'execs: [0-9]*' "$binary.log" | tail -1 || echo
	done
	rm -f "$binary" "$binary.log"
done
