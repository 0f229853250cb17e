# The watchdog of one emulator. It reads its standard input until the emulator closes it, which also its death by SIGKILL does, and then kills and
# removes what the emulator left behind.
#   $1  the emulator's cgroup, or nothing; $2  its temporary folder; $3  how the paths of its environments' CPU groups begin, or nothing
#   $4  the cgroup in which the emulator itself was
# Lines: "+ N" process group N was started, "- N" it has ended, "q" nothing is left.
trap '' HUP INT QUIT TERM
while read -r verb group; do
	case $verb in
	+) eval "group_$group=1" ;;
	-) unset "group_$group" ;;
	q) exit 0 ;;
	esac
done
if [ -n "$3" ]; then
	# Dying takes CPU time too.
	for c in "$3"-*/; do
		echo -1 >"$c/cpu.cfs_quota_us"
	done
fi
if [ -n "$1" ]; then
	# Out of the cgroup that is to be removed.
	echo 0 >"$4/cgroup.procs" || echo 0 >"$1/../cgroup.procs"
	for c in "$1"/*/; do
		[ "$c" = "$1/watchdog/" ] && continue
		echo 1 >"$c/cgroup.kill"
		echo 0 >"$c/cgroup.freeze"
	done
fi
for g in $(set | sed -n 's/^group_\([0-9][0-9]*\)=.*/\1/p'); do
	kill -s KILL -- "-$g"
done
rm -rf -- "$2"
for try in 1 2 3 4 5 6 7 8 9 10; do
	left=
	if [ -n "$1" ]; then
		rmdir "$1"/*/ "$1"
		[ -d "$1" ] && left=1
	fi
	if [ -n "$3" ]; then
		for c in "$3"-*/; do
			[ -d "$c" ] || continue
			# What got away by setsid, where there is no cgroup to kill.
			while read -r pid; do
				[ "$pid" -gt 1 ] && kill -s KILL "$pid"
			done <"$c/cgroup.procs"
			rmdir "$c" || left=1
		done
	fi
	[ -n "$left" ] || break
	sleep 0.05
done
