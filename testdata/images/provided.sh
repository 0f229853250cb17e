# The runtime image of handlers that bring their own bootstrap. Its glibc (2.31) is older than that of every build host.
names="public.ecr.aws/lambda/provided:al2023"
suite=bullseye
packages=$runtime_packages
config=("${runtime_config[@]}" "${entry_config[@]}")

fill() { fill_runtime "$1"; }

check() {
	[ "$(exit_code "$1")" = 142 ] || wrong "without a handler it does not exit 142"
	[ "$(exit_code "$1" app.handler)" = 1 ] || wrong "without a Runtime API it does not exit 1"
	[ "$(exit_code -e AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001 "$1" app.handler)" = 127 ] || wrong "without a bootstrap it does not exit 127"
	inside "$1" bash -c '[ "$(stat -c %a:%u:%g /lambda-entrypoint.sh /var/task /opt /tmp | tr "\n" " ")" = "755:0:0 755:0:0 755:0:0 1777:0:0 " ] && [ "$PWD" = /var/task ] && whoami' >/dev/null ||
		wrong "its folders are not Lambda's"
}
