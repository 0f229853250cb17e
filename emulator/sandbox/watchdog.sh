# The watchdog of one emulator. It reads its standard input until the emulator closes it, which also its death by SIGKILL does, and then kills and
# removes what the emulator left behind.
#   $1  the emulator's cgroup, or nothing; $2  its temporary folder
# Lines: "+ N" process group N was started, "- N" it has ended, "q" nothing is left.
trap '' HUP INT QUIT TERM
while read -r verb group; do
	case $verb in
	+) eval "group_$group=1" ;;
	-) unset "group_$group" ;;
	q) exit 0 ;;
	esac
done
if [ -n "$1" ]; then
	# Out of the cgroup that is to be removed.
	echo 0 >"$1/../cgroup.procs"
	for c in "$1"/*/; do
		echo 1 >"$c/cgroup.kill"
		echo 0 >"$c/cgroup.freeze"
	done
fi
for g in $(set | sed -n 's/^group_\([0-9][0-9]*\)=.*/\1/p'); do
	kill -s KILL -- "-$g"
done
rm -rf -- "$2"
if [ -n "$1" ]; then
	for try in 1 2 3 4 5 6 7 8 9 10; do
		rmdir "$1"/*/ "$1" && break
		[ -d "$1" ] || break
		sleep 0.05
	done
fi
