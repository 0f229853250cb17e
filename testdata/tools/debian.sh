#!/usr/bin/env bash
# debian.sh GROUP installs the packages of a group of debian.txt that are missing, where it may: as root, where there is apt-get.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
log=$(cd "$here/../.." && pwd)/.tools/debian.log

missing=""
while read -r group package check; do
	[ "$group" != "$1" ] || sh -c "$check" >/dev/null 2>&1 || missing="$missing $package"
done < <(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$here/debian.txt")
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "debian: missing:$missing. Install these (the names are Debian's) and run this again." >&2
	exit 1
fi
echo "debian: installing$missing" >&2
# shellcheck disable=SC2086
{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1 ||
	{ echo "debian: apt-get failed:" >&2; tail -20 "$log" >&2; exit 1; }
