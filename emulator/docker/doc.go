// Package docker speaks with a container engine: Docker, Docker Desktop, colima, podman's socket, or one on another machine. It is the only importer
// of Docker's client, and nothing of that client's types leaves it.
//
// The way to an engine:
//
//	Connect(Options)                              engine.go
//	  seeker.find: which addresses there are      locate.go
//	    Options.Host, DOCKER_HOST, DOCKER_CONTEXT, the docker CLI's current context, else the usual sockets in turn
//	  dialer: unix, TCP, TLS, ssh's streams       dial.go ssh.go
//	  describe: ping, version, Info               engine.go
//
// and of a container:
//
//	Ensure(ref): one pull for all who want it     ensure.go image.go meter.go auth.go
//	Build(spec): context → tar → image            build.go buildcontext.go
//	Create(spec) → id                             spec.go container.go
//	Attach(id) → Stream, before Start             attach.go
//	Start, Exec, Kill, UpdateCPU, CopyTo …        container.go exec.go
//	Wait(id): one stream of events for all        wait.go
//	Remove(id); Run is all of it in one call      container.go run.go
//	Owned, Sweep: what carries our labels         sweep.go built.go
//
// Everything that fails is an *Error (errors.go) of a Kind, with the engine's own words and, where there is one, the mend that a user can follow (mend.go).
// Unavailable tells an engine that is gone for now from everything else.
//
// What is called back is called on the caller's own goroutine, before the call returns; only Build tells the sending of its context from another, never two calls at once.
//
// What a context ends: the caller's waiting, always. The engine goes on creating a container whose creator has left, so Create waits for that in the background and removes
// it. A pull goes on while anybody waits for it. Run's container is removed before Run returns. Close waits for what is left.
//
// What it costs: calls share up to 64 kept connections, for ten seconds after a burst (ssh: four, since each is a process). An attached container
// costs one connection and 4 KB, a waiting one nothing, and neither a goroutine. Docker's client adds 0.1 ms and 14 KB of garbage to Create and Start.
//
// What the tests reach: Docker 20.10 over its socket, TCP, TLS with client certificates, and ssh with a stand-in for the ssh program; pulls from a registry on this machine. Docker
// Desktop, colima, OrbStack, Rancher Desktop and rootless engines are the same API at other sockets, and podman's differences are taken from its documentation and tried
// against recorded shapes only: all these are believed. Named pipes of Windows are not spoken.
package docker
