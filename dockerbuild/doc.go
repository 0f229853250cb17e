// Package dockerbuild turns the source of a function into a folder shaped like /var/task: source → recipe → artifact.
//
//	Builder.Build(fn)              builder.go   calls for one source share a build; none gets one that began before its call
//	  → job.code                   recipe.go    the recipe: by BuildMethod, else by runtime and what the folder holds
//	    → golang                   golang.go    go build; goinputs.go: what a build reads, learnt beside the build
//	    → node, npm, copy          node.go      in place; or copied beside installed node_modules, with source maps (sourcemap.go)
//	    → typescript, esbuild      esbuild.go   bundles; buildproperties.go: SAM's properties; externals.go: packages that stay outside
//	    → python, pip              python.go    in place, dependencies in a folder of their own
//	    → makefile                 makefile.go  make build-<LogicalID> in a copy
//	    → in place, inline, zip    recipe.go, tree.go
//	  → layers                     builder.go   folders as they are, zips unpacked
//	  → Artifact
//
// Nothing is written into the user's folders. Everything made goes into the cache (store.go), where an entry is complete or not there, never changed,
// and removed when unused for two weeks. Whether a source is unchanged is found without running any tool: Go and esbuild have a record (record.go) of
// the files that the last build read; the other recipes compare a digest of the folder (tree.go).
//
// A recipe says what to do, a Runner where: Host runs the tools of this machine.
//
// A build that fails in its tool's own words is an *Error: the compiler's output with paths relative to the project, and a hint. After it, the same
// Build is tried anew at the next call.
package dockerbuild
