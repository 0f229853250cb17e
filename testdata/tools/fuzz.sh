#!/usr/bin/env bash
# Runs every fuzz target of the repository for a short time each: fuzz.sh [TIME], 3s by default.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
time=${1:-3s}
grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r dir; do
	grep -ho '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go | sed 's/^func //' | sort -u | while read -r target; do
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$dir" </dev/null | grep -v '^fuzz: elapsed\|^PASS$' || exit 1
	done
done
