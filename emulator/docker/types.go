package docker

import (
	"fmt"
	"time"
)

// Info describes an engine, as it was when Connect found it.
type Info struct {
	// Name is what people call it: "Docker 20.10.24", "podman 5.2". Address is where it is: unix:///var/run/docker.sock, tcp://…, ssh://….
	Name, Address string
	// APIVersion is the one that is spoken.
	APIVersion string
	// OS and Arch are the engine's, in Go's words: linux, amd64 or arm64. KernelVersion is its kernel's.
	OS, Arch, KernelVersion string
	// CPUs and MemoryBytes are what the engine has.
	CPUs        int
	MemoryBytes int64
	// CgroupVersion is 1 or 2; CgroupDriver "cgroupfs" or "systemd".
	CgroupVersion int
	CgroupDriver  string
	// Rootless says that the engine runs without root.
	Rootless bool
	// UnixSocket says that the address is a socket of this machine: its containers may see our files. Only a probe can tell.
	UnixSocket bool
}

// Image is one image that the engine has.
type Image struct {
	// ID is the digest of its configuration, sha256:….
	ID string
	// Arch is in Go's words: amd64 or arm64.
	Arch                 string
	Env, Entrypoint, Cmd []string
	WorkingDir, User     string
	Size                 int64
	Labels               map[string]string
}

// Mount shows something to a container. Exactly one of Bind and Volume is set.
type Mount struct {
	// Bind is an absolute path of the engine's machine, a folder or a file; Volume the name of a volume, which is made where there is none.
	Bind, Volume string
	// Target is the absolute path in the container.
	Target   string
	ReadOnly bool
}

// Ulimit is one resource limit of a container's processes, as setrlimit has it; -1 is unlimited.
type Ulimit struct {
	Name       string // nofile, nproc, core, memlock, stack
	Soft, Hard int64
}

// Spec is a container to be made. The zero value of a field leaves it to the engine, or to the image.
type Spec struct {
	// Name may be "": the engine makes one. Image is a reference or an id; Platform "linux/arm64" or "".
	Name, Image, Platform string
	// Entrypoint replaces the image's, and drops its command; Cmd replaces its command.
	Entrypoint, Cmd []string
	Env             []string
	WorkingDir      string
	// User is "uid:gid", "" for the image's own.
	User     string
	Hostname string
	Labels   map[string]string
	Mounts   []Mount
	// Tmpfs are folders in memory, with mount options.
	Tmpfs map[string]string
	// Network is "" (the engine's default bridge), "none", "host", "container:ID" or a network's name. ExtraHosts are "name:address";
	// "host-gateway" is the engine's machine.
	Network    string
	ExtraHosts []string
	// MemoryBytes is the limit, without swap. CPUQuota per CPUPeriod, both microseconds. CPUSet is a list of processors such as "0-1".
	MemoryBytes         int64
	CPUPeriod, CPUQuota int64
	CPUSet              string
	PidsLimit           int64
	Ulimits             []Ulimit
	// ReadOnly makes the root file system read-only. Confined drops all capabilities and forbids new privileges.
	ReadOnly, Confined bool
	// AutoRemove removes the container, with its nameless volumes, when it ends.
	AutoRemove bool
	// Unlogged keeps the engine from writing the container's output to its disk; Attach gets it all the same.
	Unlogged bool
	// OpenStdin keeps standard input open for Attach.
	OpenStdin bool
}

// State of a container.
type State struct {
	ID, Name, Image string
	Running         bool
	// PID of its first process, as the engine's machine counts; 0 where it does not run.
	PID       int
	ExitCode  int
	OOMKilled bool
	// Error is the engine's own words where it could not start the container.
	Error    string
	Labels   map[string]string
	Networks map[string]string // network name → IP address
}

// Progress is one moment of a pull or a build.
type Progress struct {
	// Image is the reference, Step what is done: "pull", or a build's own line.
	Image, Step string
	// Layers and LayersDone count; Bytes and BytesTotal are those of all layers that are known so far.
	Layers, LayersDone int
	Bytes, BytesTotal  int64
	// Elapsed since the beginning; Left is an estimate, 0 where there is none.
	Elapsed, Left time.Duration
	// Line is a build's output, without its end.
	Line string
	Done bool
}

// Kind says what is wrong with an engine or an image.
type Kind string

// The kinds of Error.
const (
	Absent        Kind = "absent"        // no engine: no socket, no address
	Stopped       Kind = "stopped"       // a socket or address, and nobody answers; or the connection broke
	TooOld        Kind = "too-old"       // an API below 1.41 (Docker 20.10)
	NoPermission  Kind = "no-permission" // the socket is not ours to open
	DiskFull      Kind = "disk-full"
	ImageMissing  Kind = "image-missing"  // not here, and it was not asked to pull
	NotPullable   Kind = "not-pullable"   // the registry refused, or was not reached
	WrongPlatform Kind = "wrong-platform" // the image, or the emulation of it, is not there for this processor
	BuildFailed   Kind = "build-failed"   // in the build's own words
	NotFound      Kind = "not-found"      // no such container, volume or network
	Conflict      Kind = "conflict"       // the name is taken, or the container is in another state
	Canceled      Kind = "canceled"       // the caller's context ended; its cause is in the error
	Refused       Kind = "refused"        // anything else that the engine said no to
)

// Error is everything that this package fails with.
type Error struct {
	Kind Kind
	// Doing is what was tried: "connect to the container engine at unix:///var/run/docker.sock".
	Doing string
	// Mend is what the user can do about the engine or the image, "" where there is nothing to say. Ways around both are the caller's to tell.
	Mend string
	Err  error
}

func (e *Error) Error() string {
	s := e.Doing
	if e.Err != nil {
		s = fmt.Sprintf("%s: %v", s, e.Err)
	}
	if e.Mend != "" {
		s += "\n" + e.Mend
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }
