# What the recipes share; testdata/tools/images.sh reads it before each of them. A recipe sets
#   names     the names of the image, the first one is that of the checks
#   suite     the Debian release whose files it has
#   packages  the packages that are unpacked (their maintainer scripts do not run)
#   config    instructions for the image's configuration, as in a Dockerfile
# and defines fill ROOT, which completes the unpacked files, and check NAME, which calls wrong where the image does not do what it should. It may
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
	[ ! -d "$root/usr/lib/locale/C.utf8" ] || cp -r "$root/usr/lib/locale/C.utf8" "$root/usr/lib/locale/en_US.utf8"
	rm -rf "$root"/usr/share/{doc,man,info,lintian,locale} "$root"/var/lib/apt/lists/* "$root/etc/apt/apt.conf.d/99mmdebstrap"
}

# fill_runtime ROOT is fill_base with AWS's entry point.
fill_runtime() {
	fill_base "$1"
	install -m 755 "$images/lambda/lambda-entrypoint.sh" "$1/lambda-entrypoint.sh"
}
