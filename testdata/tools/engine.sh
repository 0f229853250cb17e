#!/usr/bin/env bash
# A Docker engine for the tests.
#
#   testdata/tools/engine.sh start    uses the one that answers, at DOCKER_HOST or at the default socket; else installs Debian's, where it may, and
#                                     starts it, with its log below .tools/engine
#   testdata/tools/engine.sh stop     ends the one that start started, and no other
#   testdata/tools/engine.sh status   exits 0 where one answers
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
state=$(cd "$here/../.." && pwd)/.tools/engine

say() { printf 'engine: %s\n' "$*" >&2; }
answers() { command -v docker >/dev/null && timeout 10 docker version --format '{{.Server.Version}}' 2>/dev/null; }

# identity PID prints what tells a process from a later one with the same id: when it started. A zombie has ended.
identity() { sed -n 's/.*) //;/^[^Z]/p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# ours prints the id of the engine that start started, while it runs.
ours() {
	local pid began
	read -r pid began 2>/dev/null <"$state/pid" && [ -n "$began" ] && [ "$(identity "$pid")" = "$began" ] && echo "$pid"
}

start() {
	local version pid
	if version=$(answers); then
		say "Docker $version answers"
		return
	fi
	[ -z "${DOCKER_HOST:-}" ] || { say "DOCKER_HOST is set, and no engine answers there"; return 1; }
	mkdir -p "$state"
	"$here/debian.sh" engine || { say "no engine answers: install Docker, start it, and run this again"; return 1; }
	# Where the system has a service manager, the installation has started one.
	if version=$(answers); then
		say "Docker $version answers"
		return
	fi
	[ "$(id -u)" = 0 ] || { say "no engine answers, and only root may start one"; return 1; }
	setsid dockerd >"$state/dockerd.log" 2>&1 </dev/null &
	pid=$!
	echo "$pid $(identity "$pid")" >"$state/pid"
	for _ in $(seq 150); do
		if version=$(answers); then
			say "Docker $version started"
			return
		fi
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.2
	done
	say "dockerd did not come up:"
	tail -20 "$state/dockerd.log" >&2
	stop
	return 1
}

# stop lets the engine end its containers, and takes no more than half a minute.
stop() {
	local pid
	pid=$(ours) || { rm -f "$state/pid"; return 0; }
	kill "$pid"
	for _ in $(seq 150); do
		ours >/dev/null || break
		sleep 0.2
	done
	if ours >/dev/null; then
		say "dockerd does not end, killing it"
		kill -9 "$pid"
	fi
	rm -f "$state/pid"
}

case ${1:-} in
start) start ;;
stop) stop ;;
status) answers >/dev/null ;;
*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
