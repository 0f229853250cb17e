# A build host that is too new: what uses strlcpy, or C++, and is built here needs GLIBC_2.38, which the runtime images lack.
names="emulate-test/newer:latest"
suite=trixie
packages="$runtime_packages $build_packages"
config=("${build_config[@]}")

fill() { fill_build "$1"; }

check() {
	check_compilers "$1"
	inside "$1" bash -c 'cd /tmp && printf "#include <string.h>\nint main(int n, char **a) { char b[9]; return strlcpy(b, a[0], 9) == 0; }\n" >a.c && gcc a.c && ./a.out && grep -q GLIBC_2.38 a.out' ||
		wrong "what is built there does not need a newer glibc"
}
