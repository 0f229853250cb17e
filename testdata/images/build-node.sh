# The build images of the Node.js runtimes. As AWS's they have Python too, which node-gyp needs.
names="public.ecr.aws/sam/build-nodejs20.x:latest public.ecr.aws/sam/build-nodejs22.x:latest public.ecr.aws/sam/build-nodejs24.x:latest"
suite=bookworm
packages="$runtime_packages $build_packages $python_build_packages $(node_packages)"
config=("${build_config[@]}")

uses() { node -v; }

fill() {
	fill_build "$1"
	fill_build_python "$1"
	fill_node "$1"
	fill_npm "$1"
}

check() {
	check_compilers "$1"
	check_build_python "$1"
	inside "$1" bash -c 'node -v && npm -v' >/dev/null || wrong "its npm does not start"
	inside "$1" bash -c 'cd /tmp && printf "#include <node_api.h>\nNAPI_MODULE_INIT() { return exports; }\n" >a.c && printf "{\"targets\": [{\"target_name\": \"a\", \"sources\": [\"a.c\"]}]}" >binding.gyp &&
		echo "{\"name\": \"a\", \"version\": \"1.0.0\"}" >package.json && HOME=/tmp npm install --offline >log 2>&1 && node -e "require(\"./build/Release/a.node\")" || { cat log >&2; exit 1; }' ||
		wrong "native modules do not compile without a network"
}
