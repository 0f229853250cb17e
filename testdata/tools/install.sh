#!/usr/bin/env bash
# Installs what the tests of this repository need into .tools, which git ignores: .tools/python is a virtual environment, .tools/node holds
# node_modules. What is installed is in the lists beside this script. A second run does nothing in a few milliseconds: each part leaves a stamp
# with the digest of its list. A part that fails says what is missing, and the script exits 1 after the others have ended.
#
#   testdata/tools/install.sh           install what is missing
#   testdata/tools/install.sh --force   install everything anew
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=$(cd "$here/../.." && pwd)/.tools
[ "${1:-}" = --force ] && rm -rf "$tools"
mkdir -p "$tools"

say() { printf 'tools: %s\n' "$*" >&2; }
lines() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$1"; }

# digest PART WORD… is what decides whether PART is up to date: its list, how it is installed (this script), and the versions that it was built with.
digest() { { cat "$here/$1.txt" "${BASH_SOURCE[0]}"; shift; printf '%s\n' "$@"; } | cksum | tr ' ' -; }

# run PART COMMAND… runs the command with its output in PART.log, and shows the end of it where it fails.
run() {
	local part=$1
	shift
	"$@" >>"$tools/$part.log" 2>&1 || { say "$part: failed: $*"; tail -40 "$tools/$part.log" >&2; return 1; }
}

python() {
	say "python: installing $(lines "$here/python.txt" | tr '\n' ' ')"
	rm -rf "$tools/python" "$tools/python.log"
	run python python3 -m venv "$tools/python" || return 1
	run python "$tools/python/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/python.txt" || return 1
}

node_modules() {
	local prefix packages
	packages=$(lines "$here/node.txt" | tr '\n' ' ')
	say "node: installing $packages(compiles for a minute or two)"
	rm -rf "$tools/node" "$tools/node.log"
	mkdir -p "$tools/node"
	echo '{"private": true}' >"$tools/node/package.json"
	# Headers beside the interpreter spare node-gyp its download.
	prefix=$(dirname "$(dirname "$(command -v node)")")
	[ -f "$prefix/include/node/node.h" ] && export npm_config_nodedir=$prefix
	# shellcheck disable=SC2086
	run node npm install --prefix "$tools/node" --no-audit --no-fund --loglevel=error $packages || return 1
	[ -f "$tools/node/node_modules/aws-lambda-ric/dist/rapid-client.node" ] || { say "node: aws-lambda-ric has no compiled client, see $tools/node.log"; return 1; }
}

# install PART COMMAND runs the command and leaves the stamp.
install() {
	"$2" || return 1
	wanted "$1" >"$tools/$1.stamp"
	say "$1: done"
}

# wanted PART is the stamp that the part has when it is up to date.
wanted() {
	case $1 in
	python) digest python "$(python3 -V 2>&1)" ;;
	node) digest node "$(node -v 2>&1)" ;;
	esac
}

# find_stale sets stale to the parts that are not up to date.
find_stale() {
	local part
	stale=""
	for part in python node; do
		[ "$(wanted $part)" = "$(cat "$tools/$part.stamp" 2>/dev/null)" ] || stale="$stale $part"
	done
}

# lock waits until no other run installs. (flock is not everywhere.)
lock() {
	until mkdir "$tools/lock" 2>/dev/null; do
		kill -0 "$(cat "$tools/lock/pid" 2>/dev/null || echo $$)" 2>/dev/null || rm -rf "$tools/lock"
		sleep 1
	done
	trap 'rm -rf "$tools/lock"' EXIT
	echo $$ >"$tools/lock/pid"
}

find_stale
[ -z "$stale" ] && exit
lock
find_stale
[ -z "$stale" ] && exit

"$here/debian.sh" tools
jobs=""
for part in $stale; do
	case $part in
	python) install python python & ;;
	node) install node node_modules & ;;
	esac
	jobs="$jobs $!"
done
failed=""
for job in $jobs; do wait "$job" || failed=yes; done
[ -z "$failed" ] || { say "not everything could be installed"; exit 1; }
