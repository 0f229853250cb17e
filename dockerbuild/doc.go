// Package dockerbuild turns the source of a function into a folder shaped like /var/task: source → recipe → artifact.
//
//	Builder.Build(fn)              builder.go   calls for one source share a build; none gets one that began before its call
//	  → job.code                   recipe.go    the recipe: by BuildMethod, else by runtime and what the folder holds
//	    → golang                   golang.go    go build; goinputs.go: what a build reads, learnt beside the build
//	    → node, install            node.go      in place; or beside installed node_modules (nodeinstall.go: npm, pnpm, yarn), with source maps (sourcemap.go)
//	    → typescript, esbuild      esbuild.go   bundles; buildproperties.go: settings; externals.go: packages that stay outside
//	    → python                   python.go    in place, dependencies in a folder of their own (pythoninstall.go: pip, uv, poetry)
//	    → rust                     rust.go      cargo build
//	    → makefile                 makefile.go  make build-<LogicalID> in a copy
//	    → dockerfile, compose      dockerfile.go  a folder of an image that the engine builds
//	    → native                   native.go    packages and commands; libraries.go: with the shared libraries that the runtime's image lacks
//	    → imageFunction            image.go     a function that is an image
//	    → in place, inline, zip    recipe.go, tree.go
//	  → layers                     builder.go   folders as they are, zips unpacked
//	  → Artifact
//
// An artifact is for this machine, or for Lambda (Options.InContainer). For Lambda it is complete (complete.go): a folder with all dependencies, for the
// function's architecture, named by the content of its sources, the build image and the recipe.
//
// A recipe says what to do, a Runner where (place.go): Host runs the tools of this machine; boxRunner those of the runtime's build image, in a container
// that is kept warm between builds (box.go). It sees the sources read-only at their own paths and writes into the cache as the user; where the engine does
// not share this machine's files, they are copied in and out (boxfiles.go). Module, package and compiler caches are in a volume for each image and user, and
// the user's registries, proxies and certificates go along (boxsettings.go). The container's first process waits for the end of its input, so it ends with
// the emulator.
//
// Nothing is written into the user's folders. Everything made goes into the cache (store.go), where an entry is complete or not there, never changed,
// and removed when unused for two weeks. Whether a source is unchanged is found without running any tool: Go and esbuild have a record (record.go) of
// the files that the last build read; the other recipes compare a digest of the folder (tree.go).
//
// A build that fails in its tool's own words is an *Error: the compiler's output with paths relative to the project, and a hint. After it, the same
// Build is tried anew at the next call.
//
// Beside that a Checker finds what would break on Lambda: check*.go, elf.go, target.go.
package dockerbuild
