# The Node.js runtime images: the host's Node under the names of all that are tested, and AWS's own client with the SDK's client for Lambda.
names="public.ecr.aws/lambda/nodejs:20 public.ecr.aws/lambda/nodejs:22 public.ecr.aws/lambda/nodejs:24"
suite=bookworm
packages="$runtime_packages $(node_packages)"
config=("${runtime_config[@]}" "${entry_config[@]}")

uses() { cat "$tools/node.stamp"; }

fill() {
	local root=$1 ric=$tools/node/node_modules/aws-lambda-ric
	fill_runtime "$root"
	fill_node "$root"
	install -m 755 "$images/lambda/bootstrap-node" "$root/var/runtime/bootstrap"
	node -p 'process.versions.node.split(".")[0]' >"$root/var/runtime/version"
	# AWS's own client exports run; in AWS's images the file calls it too.
	{ cat "$ric/dist/index.mjs"; printf '\nawait run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);\n'; } >"$root/var/runtime/index.mjs"
	cp "$ric/dist/rapid-client.node" "$root/var/runtime/"
	cp -r "$tools/node/node_modules" "$root/var/runtime/node_modules"
	rm -rf "$root"/var/runtime/node_modules/{aws-lambda-ric,node-gyp,node-addon-api,.bin}
}

check() {
	check_runtime "$1" "/var/lang/bin/node /var/runtime/index.mjs"
	inside "$1" node -e 'process.env.AWS_LAMBDA_RUNTIME_API = "127.0.0.1:9001"; require("/var/runtime/rapid-client.node"); require("/var/runtime/node_modules/@aws-sdk/client-lambda")' || wrong "its client cannot be loaded"
}
