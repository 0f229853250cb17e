#!/usr/bin/env bash
# Makes sure that the container images of the tests are there: an image that the engine has stays; else AWS's is pulled where its registry answers;
# else a stand-in is built from Debian's packages and the host's tools, and gets AWS's name and the label emulate.standin=1. The recipes are in
# testdata/images. A stand-in carries a digest of its recipe, so a second run does nothing, and a changed recipe builds it again.
#
#   testdata/tools/images.sh            all images
#   testdata/tools/images.sh RECIPE…    these (provided, node, …)
#   EMULATE_IMAGES=standin              never asks AWS's registry
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
self=$here/images.sh
images=$(cd "$here/../images" && pwd)
tools=$(cd "$here/../.." && pwd)/.tools
certificates=/etc/ssl/certs/ca-certificates.crt

say() { printf 'images: %s\n' "$*" >&2; }

# read_recipe NAME sets what the recipe sets.
read_recipe() {
	# shellcheck source=/dev/null
	. "$images/common.sh"
	# shellcheck source=/dev/null
	. "$images/$1.sh"
}

# digest NAME is what decides whether the stand-in is up to date.
digest() (
	local certified=""
	read_recipe "$1"
	[ ! -f "$certificates" ] || certified=$(cksum <"$certificates")
	{ echo "$certified"; cat "$images/common.sh" "$images/$1.sh" "$images"/lambda/* "$self"; uses; } | cksum | tr ' ' -
)

# find_present fills present: for every image that the engine has, the digest of its recipe, or "aws" for one that is not a stand-in.
find_present() {
	local tags standin recipe tag
	present=()
	# An image that is missing makes the command fail after it has printed the others.
	while IFS='|' read -r standin recipe tags; do
		for tag in $tags; do present[$tag]=$([ "$standin" = 1 ] && echo "$recipe" || echo aws); done
	done < <(docker image inspect --format '{{index .Config.Labels "emulate.standin"}}|{{index .Config.Labels "emulate.recipe"}}|{{join .RepoTags " "}}' "$@" 2>/dev/null || true)
}

# up_to_date NAME tells whether the engine has every image of the recipe.
up_to_date() {
	local name
	for name in ${names_of[$1]}; do
		case ${present[$name]:-} in aws | "${digest_of[$1]}") ;; *) return 1 ;; esac
	done
}

# registry_answers tells, within a few seconds, whether AWS's registry can be reached from here.
registry_answers() {
	[ "${EMULATE_IMAGES:-}" != standin ] || return 1
	case $(curl -s -m 4 -o /dev/null -w '%{http_code}' https://public.ecr.aws/v2/ || true) in 200 | 401) return 0 ;; esac
	return 1
}

# pull NAME pulls the recipe's images; an image that only tests have is not there.
pull() {
	local name
	for name in ${names_of[$1]}; do
		case $name in public.ecr.aws/*) docker pull -q "$name" >/dev/null || return 1 ;; *) return 1 ;; esac
	done
}

# Debian's packages are reached as the host's apt reaches them: debian_options prints its proxies, debian_mirror its mirror of Debian, if it has one.
debian_options() {
	apt-config dump --no-empty Acquire | sed -nE '/::(proxy|cainfo)/I{s/^/--aptopt=/;s/;$//;p;}'
}
debian_mirror() {
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' | sed -n '/^Debian|Debian|main|/{s/.*|//;p;q;}'
}

# build NAME builds the stand-in in one layer, and prints its id. It has no name yet.
build() {
	local change=() options instruction
	read_recipe "$1"
	for instruction in "${config[@]}" 'LABEL emulate.standin=1' "LABEL emulate.recipe=${digest_of[$1]}"; do change+=(--change "$instruction"); done
	mapfile -t options < <(debian_options)
	# shellcheck disable=SC2046
	mmdebstrap --quiet --variant=extract --include="${packages// /,}" --extract-hook="\"$self\" --fill $1 \"\$1\"" \
		"${options[@]}" "$suite" - $(debian_mirror) 2>"$tools/images-$1.log" | docker import "${change[@]}" -
}

# What the checks of the recipes use.
wrong() { say "$recipe: the stand-in is broken: $*"; failed=yes; }
exit_code() { local code=0; docker run --rm --network none "$@" >/dev/null 2>&1 || code=$?; echo "$code"; }
inside() { docker run --rm --network none --entrypoint "$2" "$1" "${@:3}"; }

# make_image NAME pulls or builds, and checks what was built.
make_image() {
	local recipe=$1 began=$SECONDS failed="" image name
	if [ "$registry" = yes ] && pull "$recipe"; then
		say "$recipe: AWS's, pulled in $((SECONDS - began)) s"
		return
	fi
	image=$(build "$recipe") || { say "$recipe: cannot be built:"; tail -20 "$tools/images-$recipe.log" >&2; return 1; }
	read_recipe "$recipe"
	check "$image"
	[ -z "$failed" ] || { docker image rm "$image" >/dev/null; return 1; }
	for name in $names; do docker tag "$image" "$name" || return 1; done
	say "$recipe: stand-in built in $((SECONDS - began)) s"
}

if [ "${1:-}" = --fill ]; then
	read_recipe "$2"
	fill "$3"
	ldconfig -r "$3"
	exit
fi

# The images hold what the tests' tools are.
"$here/install.sh"
"$here/engine.sh" status || { say "no engine answers; start one: testdata/tools/engine.sh start"; exit 1; }
recipes=("$@")
[ $# -gt 0 ] || mapfile -t recipes < <(sed -n '/^[a-z]/p' "$images/list.txt")
declare -A names_of digest_of present
for recipe in "${recipes[@]}"; do
	names_of[$recipe]=$(read_recipe "$recipe"; echo "$names")
	digest_of[$recipe]=$(digest "$recipe")
done
# shellcheck disable=SC2086
find_present ${names_of[*]}
stale=()
for recipe in "${recipes[@]}"; do up_to_date "$recipe" || stale+=("$recipe"); done
[ ${#stale[@]} -gt 0 ] || exit 0

registry=no
registry_answers && registry=yes
"$here/debian.sh" images || [ "$registry" = yes ]
say "making ${stale[*]}"
failed=""
for recipe in "${stale[@]}"; do
	# Two at a time: unpacking is bound by the processor.
	[ "$(jobs -pr | wc -l)" -lt 2 ] || wait -n || failed=yes
	make_image "$recipe" &
done
while [ -n "$(jobs -p)" ]; do wait -n || failed=yes; done
docker image prune --force --filter label=emulate.standin=1 >/dev/null # the ones that were replaced
[ -z "$failed" ] || { say "not every image could be made"; exit 1; }
