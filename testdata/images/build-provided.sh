# The build image of handlers that bring their own bootstrap, with the C library of the runtime image: Debian's compilers, the host's Go and Rust.
names="public.ecr.aws/sam/build-provided.al2023:latest"
suite=bullseye
packages="$runtime_packages $build_packages $(rust_packages)"
config=("${build_config[@]}" "ENV PATH=/usr/local/go/bin:/usr/local/rust/bin:/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin")

uses() { go version; rustc --version 2>/dev/null || true; }

fill() {
	local root=$1 sysroot
	fill_build "$root"
	mkdir -p "$root/usr/local/go"
	tar -C "$(go env GOROOT)" --exclude=testdata --exclude='*_test.go' -c bin lib pkg src VERSION go.env | tar -C "$root/usr/local/go" --no-same-owner -x
	sysroot=$(rust_toolchain) || return 0
	mkdir -p "$root/usr/local/rust/bin"
	cp "$sysroot"/bin/{cargo,rustc} "$root/usr/local/rust/bin/"
	cp -r "$sysroot/lib" "$root/usr/local/rust/"
}

check() {
	check_compilers "$1"
	inside "$1" bash -c 'cd /tmp && printf "package main\nimport \"C\"\nfunc main() {}\n" >main.go && HOME=/tmp go build -o go-main main.go && ./go-main' || wrong "its Go does not build with cgo"
	inside "$1" bash -c 'cd /tmp && cargo --version >/dev/null && echo "fn main() {}" >main.rs && rustc main.rs && ./main' || wrong "its Rust does not build"
}
