#!/usr/bin/env bash
# What `make test` does, stage by stage, with a table of seconds at the end. The tests come last, so that their runner's output ends the run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

names=() seconds=()
stage() {
	local name=$1 began=$SECONDS
	shift
	printf '== %s\n' "$name"
	"$@"
	names+=("$name") seconds+=("$((SECONDS - began))")
}
table() {
	printf '\n%-28s seconds\n' stage
	local i
	for i in "${!names[@]}"; do printf '%-28s %7d\n' "${names[i]}" "${seconds[i]}"; done
}

# An engine that is there already stays.
testdata/tools/engine.sh status || trap 'testdata/tools/engine.sh stop' EXIT

stage "tools" testdata/tools/install.sh
stage "engine" testdata/tools/engine.sh start
stage "images" testdata/tools/images.sh
stage "lint" make --no-print-directory lint
stage "fuzz (short)" testdata/tools/fuzz.sh 3s
stage "soak (50,000)" go run ./cmd/bench -soak 50000
stage "build the tests" go test -race -run '^$' ./...
table
printf '\n== tests, with the race detector\n'
go test -race -timeout 20m ./...
