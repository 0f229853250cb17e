# What the recipes share; testdata/tools/images.sh reads it before each of them. A recipe sets
#   names     the names of the image
#   suite     the Debian release whose files it has
#   packages  the packages that are unpacked (their maintainer scripts do not run)
#   config    instructions for the image's configuration, as in a Dockerfile
# and defines fill ROOT, which completes the unpacked files, and check IMAGE, which calls wrong where the image does not do what it should. It may
# define uses, which prints what else of the host it takes: a change of that builds the image again.

runtime_packages="base-files base-passwd bash ca-certificates coreutils findutils grep libc-bin libstdc++6 sed tzdata"

# AWS's runtime images set these variables.
runtime_config=(
	"ENV LANG=en_US.UTF-8"
	"ENV TZ=:/etc/localtime"
	"ENV PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
	"ENV LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
	"ENV LAMBDA_TASK_ROOT=/var/task"
	"ENV LAMBDA_RUNTIME_DIR=/var/runtime"
)
entry_config=('WORKDIR /var/task' 'ENTRYPOINT ["/lambda-entrypoint.sh"]')

uses() { :; }

# fill_base ROOT does what the maintainer scripts of the unpacked packages would have done, and makes Lambda's folders.
fill_base() {
	local root=$1 list
	for list in passwd group; do cp "$root/usr/share/base-passwd/$list.master" "$root/etc/$list"; done
	# Amazon Linux's sh is bash.
	ln -sf bash "$root/bin/sh"
	mkdir -p "$root"/{var/task,var/runtime,var/lang/bin,var/lang/lib,opt,etc/ssl/certs}
	install -d -m 1777 "$root/tmp" "$root/var/tmp"
	# The host's certificates: what reaches a registry from the host does so from a container.
	cp "$certificates" "$root/etc/ssl/certs/ca-certificates.crt"
	ln -sf /usr/share/zoneinfo/UTC "$root/etc/localtime"
	rm -rf "$root"/usr/share/{doc,man,info,lintian,locale} "$root"/var/lib/apt/lists/* "$root/etc/apt/apt.conf.d/99mmdebstrap"
}

# fill_runtime ROOT is fill_base with AWS's entry point.
fill_runtime() {
	fill_base "$1"
	install -m 755 "$images/lambda/lambda-entrypoint.sh" "$1/lambda-entrypoint.sh"
}

# check_runtime IMAGE COMMAND checks the bootstrap of a managed runtime, which is to become COMMAND.
check_runtime() {
	local api=(-e AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001)
	[ "$(exit_code "$1")" = 142 ] || wrong "without a handler it does not exit 142"
	[ "$(exit_code "$1" app.handler)" = 1 ] || wrong "without a Runtime API it does not exit 1"
	[ "$(exit_code "${api[@]}" -e AWS_LAMBDA_EXEC_WRAPPER=/missing "$1" app.handler)" = 127 ] || wrong "a missing wrapper does not end it with 127"
	[ "$(docker run --rm --network none "${api[@]}" -e AWS_LAMBDA_EXEC_WRAPPER=/bin/echo "$1" app.handler)" = "$2" ] ||
		wrong "a wrapper does not get the interpreter and its arguments"
}

# Build images.

build_packages="binutils bzip2 curl file g++ gcc git gzip libc6-dev make mawk patch pkg-config tar unzip xz-utils zip"
build_config=("${runtime_config[@]}" 'CMD ["/bin/bash"]')

# fill_build ROOT is fill_base with the links that Debian's alternatives system makes.
fill_build() {
	fill_base "$1"
	ln -sf gcc "$1/usr/bin/cc"
	ln -sf g++ "$1/usr/bin/c++"
	ln -sf mawk "$1/usr/bin/awk"
}

check_compilers() {
	inside "$1" bash -c 'cd /tmp && echo "int main() {}" >a.c && cc a.c -o a && ./a && printf "#include <iostream>\nint main() { std::cout << 1; }\n" >b.cc && c++ b.cc -o b && ./b >/dev/null' ||
		wrong "its compilers do not work"
	inside "$1" bash -c 'for tool in make git curl zip unzip tar gzip xz file awk; do command -v $tool >/dev/null || exit 1; done' || wrong "a tool is missing"
}

# compile_python ROOT FOLDER… compiles the standard library and these folders, as installing the packages would have done.
compile_python() {
	local root=$1
	shift
	ldconfig -r "$root"
	chroot "$root" /usr/bin/python3 -m compileall -q -j 2 -x '/(test|tests|idlelib|turtledemo)/' /usr/lib/python3.11 /usr/lib/python3 "$@"
}

# fill_python ROOT gives the interpreter its names.
fill_python() {
	local name
	for name in python python3 python3.11; do ln -s /usr/bin/python3.11 "$1/var/lang/bin/$name"; done
}

# The host's Node, where that is one program, else Debian's.
node_alone() { ! ldd "$(command -v node)" | grep -q libnode; }
node_packages() { node_alone || echo nodejs npm libnode-dev; }

# fill_node ROOT gives the image the interpreter.
fill_node() {
	if node_alone; then cp "$(readlink -f "$(command -v node)")" "$1/var/lang/bin/node"; else ln -s /usr/bin/node "$1/var/lang/bin/node"; fi
}

# fill_npm ROOT adds npm, and the headers with which native modules compile without a download.
fill_npm() {
	local root=$1 prefix name
	if ! node_alone; then
		mkdir -p "$root/etc"
		echo nodedir=/usr >"$root/etc/npmrc"
		return
	fi
	prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
	mkdir -p "$root"/var/lang/{include,etc,lib/node_modules}
	cp -r "$prefix/include/node" "$root/var/lang/include/"
	cp -r "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" "$root/var/lang/lib/node_modules/npm"
	for name in npm npx; do ln -s "../lib/node_modules/npm/bin/$name-cli.js" "$root/var/lang/bin/$name"; done
	echo nodedir=/var/lang >"$root/var/lang/etc/npmrc"
}

# rust_toolchain prints the folder of the host's Rust, where that is one that can be moved; else Debian's is taken.
rust_toolchain() {
	local sysroot
	sysroot=$(rustc --print sysroot 2>/dev/null) && [ "$sysroot" != /usr ] && [ -x "$sysroot/bin/cargo" ] && echo "$sysroot"
}
rust_packages() { rust_toolchain >/dev/null || echo cargo; }
