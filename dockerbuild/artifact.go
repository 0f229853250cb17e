package dockerbuild

// Artifact is a built function: a folder shaped like /var/task.
type Artifact struct {
	// Dir is the absolute path of the folder that the function sees as its code. For an interpreted function without dependencies to install it
	// may be the user's own folder (never written to).
	Dir string
	// Digest identifies what was built: sources, recipe, tool versions. Equal digests mean equal artifacts.
	Digest string
	// Inputs are the files and folders (absolute) whose change may change the artifact, for the watcher. A folder stands for all below it but
	// .git, node_modules and __pycache__. A call of Build after a change that did not matter is cheap and gives the same Digest.
	Inputs []string
	// Cached is true where nothing had to be built.
	Cached bool
	// NodePath and PythonPath are folders of dependencies installed into the cache, to be searched after the code itself.
	NodePath, PythonPath []string
	// Handler replaces the function's handler where the build changed the name of the file, else "".
	Handler string
	// SourceMaps says that the code has source maps to the user's own files: run node with --enable-source-maps.
	SourceMaps bool
	// Image is the reference or id of a function of package type Image, "" for any other; Dir is "" then. Digest is the image's id.
	Image string
	// Layers are the folders of the function's layers, in order, zip files unpacked.
	Layers []string
}

// Error is a failed build, told in the compiler's or installer's own words.
type Error struct {
	// Function is the function's name; Step is what was done: "go build", "npm install".
	Function, Step string
	// Output is what the tool wrote, cleaned of absolute cache paths where they would confuse.
	Output string
	// Hint says how to mend it, or "".
	Hint string
	// Missing is the tool that is not installed, such as "go", so that this can be said once for all functions; "" for any other failure.
	Missing string
	// Inputs are the files and folders to watch for the mend, as in Artifact.
	Inputs []string
	// Err is the cause, such as an *exec.ExitError.
	Err error
}

func (e *Error) Error() string {
	s := e.Step + " of function " + e.Function + " failed"
	if e.Output != "" {
		s += ":\n" + e.Output
	}
	if e.Hint != "" {
		s += "\n" + e.Hint
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }
