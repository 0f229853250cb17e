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
done_already() { [ "$(cat "$tools/$1.stamp" 2>/dev/null)" = "$2" ]; }

# debian installs the missing system packages, where it may.
debian() {
	local command package missing=()
	while read -r command package; do
		command -v "$command" >/dev/null || missing+=("$package")
	done < <(lines "$here/debian.txt")
	[ ${#missing[@]} = 0 ] && return
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		say "missing: ${missing[*]}. Install these packages (debian.txt has their Debian names) and run this again."
		return 1
	fi
	say "installing Debian packages: ${missing[*]}"
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
		>"$tools/debian.log" 2>&1 || { say "apt-get failed:"; tail -20 "$tools/debian.log" >&2; return 1; }
}

# run PART COMMAND… runs the command with its output in PART.log, and shows the end of it where it fails.
run() {
	local part=$1
	shift
	"$@" >>"$tools/$part.log" 2>&1 || { say "$part: failed: $*"; tail -40 "$tools/$part.log" >&2; return 1; }
}

python() {
	local want
	want=$(digest python "$(python3 -V)")
	done_already python "$want" && return
	say "python: installing $(lines "$here/python.txt" | tr '\n' ' ')"
	rm -rf "$tools/python" "$tools/python.log"
	run python python3 -m venv "$tools/python" || return 1
	run python "$tools/python/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/python.txt" || return 1
	echo "$want" >"$tools/python.stamp"
	say "python: done"
}

node_packages() {
	local want prefix packages
	want=$(digest node "$(node -v)")
	done_already node "$want" && return
	mapfile -t packages < <(lines "$here/node.txt")
	say "node: installing ${packages[*]} (compiles for a minute or two)"
	rm -rf "$tools/node" "$tools/node.log"
	mkdir -p "$tools/node"
	echo '{"private": true}' >"$tools/node/package.json"
	# Headers beside the interpreter spare node-gyp its download.
	prefix=$(dirname "$(dirname "$(command -v node)")")
	[ -f "$prefix/include/node/node.h" ] && export npm_config_nodedir=$prefix
	run node npm install --prefix "$tools/node" --no-audit --no-fund --loglevel=error "${packages[@]}" || return 1
	[ -f "$tools/node/node_modules/aws-lambda-ric/dist/rapid-client.node" ] || { say "node: aws-lambda-ric has no compiled client, see $tools/node.log"; return 1; }
	echo "$want" >"$tools/node.stamp"
	say "node: done"
}

debian
failed=0
python & parts=($!)
node_packages & parts+=($!)
for part in "${parts[@]}"; do wait "$part" || failed=1; done
[ $failed = 0 ] || { say "not everything could be installed"; exit 1; }
