# A build image with a package manager, as AWS's have dnf: for native programs. Its C library is that of the provided runtime's image.
names="emulate-test/build-packages:latest"
suite=bullseye
packages="$runtime_packages apt dash debian-archive-keyring diffutils dpkg gcc init-system-helpers libc6-dev perl-base tar"
config=("${build_config[@]}" "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")

fill() {
	fill_base "$1"
	ln -sf x86_64-linux-gnu-gcc "$1/usr/bin/cc"
	: >"$1/var/lib/dpkg/status"
}

check() {
	inside "$1" bash -c 'command -v apt-get dpkg gcc && grep -q "^deb " /etc/apt/sources.list' >/dev/null || wrong "it cannot install packages"
}
