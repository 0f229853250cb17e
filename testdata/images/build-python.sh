# The build images of the Python runtimes.
names="public.ecr.aws/sam/build-python3.11:latest public.ecr.aws/sam/build-python3.12:latest public.ecr.aws/sam/build-python3.13:latest public.ecr.aws/sam/build-python3.14:latest"
suite=bookworm
packages="$runtime_packages $build_packages $python_build_packages"
config=("${build_config[@]}")

fill() {
	fill_build "$1"
	fill_build_python "$1"
}

check() {
	check_compilers "$1"
	check_build_python "$1"
}
