# The Python runtime images: Debian's Python 3.11 under the names of all that are tested, and AWS's own client with boto3.
names="public.ecr.aws/lambda/python:3.11 public.ecr.aws/lambda/python:3.12 public.ecr.aws/lambda/python:3.13 public.ecr.aws/lambda/python:3.14"
suite=bookworm
packages="$runtime_packages python3"
config=("${runtime_config[@]}" "${entry_config[@]}")

installed=$tools/python/lib/python3.11/site-packages

uses() { cat "$tools/python.stamp"; }

fill() {
	local root=$1 name
	[ -d "$installed/awslambdaric" ] || { echo "the tests' Python, .tools/python, is not 3.11, so its compiled client does not fit the image" >&2; return 1; }
	fill_runtime "$root"
	install -m 755 "$images/lambda/bootstrap-python" "$root/var/runtime/bootstrap"
	install -m 644 "$images/lambda/bootstrap.py" "$root/var/runtime/bootstrap.py"
	for name in awslambdaric runtime_client.*.so simplejson snapshot_restore_py.py boto3 botocore s3transfer jmespath dateutil six.py urllib3; do
		# shellcheck disable=SC2086
		cp -r "$installed"/$name "$root/var/runtime/"
	done
	fill_python "$root"
	compile_python "$root" /var/runtime
}

check() {
	check_runtime "$1" "/var/lang/bin/python3 /var/runtime/bootstrap.py"
	inside "$1" bash -c "cd /var/runtime && python3 -c 'import awslambdaric.bootstrap, runtime_client, boto3'" || wrong "its client cannot be imported"
}
