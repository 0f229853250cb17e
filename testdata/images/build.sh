# The build images of the Node.js and Python runtimes, in one: AWS's for Node.js have Python too, which node-gyp needs.
names="public.ecr.aws/sam/build-python3.11:latest public.ecr.aws/sam/build-python3.12:latest public.ecr.aws/sam/build-python3.13:latest
	public.ecr.aws/sam/build-python3.14:latest public.ecr.aws/sam/build-nodejs20.x:latest public.ecr.aws/sam/build-nodejs22.x:latest
	public.ecr.aws/sam/build-nodejs24.x:latest"
suite=bookworm
packages="$runtime_packages $build_packages python3 python3-dev python3-pip python3-venv $(node_packages)"
config=("${build_config[@]}")

uses() { node -v; }

fill() {
	local root=$1
	fill_build "$root"
	# pip may install: in AWS's images the interpreter is no one else's.
	rm -f "$root"/usr/lib/python3*/EXTERNALLY-MANAGED
	fill_python "$root"
	ln -s /usr/bin/pip3 "$root/var/lang/bin/pip"
	compile_python "$root"
	fill_node "$root"
	fill_npm "$root"
}

check() {
	check_compilers "$1"
	inside "$1" bash -c 'cd /tmp && pip --version && python3 -m venv v && v/bin/pip --version && python3-config --includes' >/dev/null || wrong "its Python cannot install packages"
	inside "$1" bash -c 'cd /tmp && printf "#include <node_api.h>\nNAPI_MODULE_INIT() { return exports; }\n" >a.c && printf "{\"targets\": [{\"target_name\": \"a\", \"sources\": [\"a.c\"]}]}" >binding.gyp &&
		echo "{\"name\": \"a\", \"version\": \"1.0.0\"}" >package.json && HOME=/tmp npm install --offline >log 2>&1 && node -e "require(\"./build/Release/a.node\")" || { cat log >&2; exit 1; }' ||
		wrong "native modules do not compile without a network"
}
