// Package sandbox runs execution environments: it implements lambda.Executor. Process runs them as process groups on this machine.
//
// The way of one start:
//
//	Process.Start(spec)                           process.go
//	  slots.get: a folder to be /tmp, a cgroup    slots.go cgroup.go
//	  plan: interpreter, wrapper, bootstrap,      command.go interpreter.go runtime.go
//	        variables, what /tmp and /opt are     environment.go
//	  newOutput: one pipe for both streams        output_unix.go lines.go
//	  host.start → spawner: unshare, mount,       host_linux.go spawner_linux.go namespace_linux.go
//	        fork and exec, back again
//	  instance.run: one goroutine waits for       instance.go
//	        output, one for the end
//
// and of one end: SIGTERM, the grace, SIGKILL to the group and the cgroup; the runtime is reaped, its last output handed over, and the slot serves
// the next environment if its /tmp was left empty.
//
// Who kills what when the emulator dies: the kernel sends SIGKILL to each runtime (its parent-death signal), and the watchdog (watchdog.sh), a shell
// that notices the end of its standard input, kills the cgroups or groups and removes the session's folder. If it dies too, the next emulator does
// the latter (session.go).
//
// A host is described by the files host_linux.go, host_unix.go (other Unix systems) and host_windows.go. Process.Limits tells what each cannot do.
//
// The folder client holds the runtime clients for Node and Python that are embedded in the binary (clients.go).
package sandbox
