// Package sandbox runs execution environments: it implements lambda.Executor twice. Process runs them as process groups on this machine, Container each
// in a container of an engine.
//
// The way of one start as a process:
//
//	Process.Start(spec)                           process.go
//	  slots.get: a folder to be /tmp, cgroups     slots.go cgroup.go cpu.go
//	  plan: interpreter, wrapper, bootstrap,      command.go interpreter.go runtime.go
//	        variables, what /tmp and /opt are     environment.go
//	  newOutput: one pipe for both streams        output_unix.go lines.go
//	  host.start → spawner: unshare, mount,       host_linux.go spawner_linux.go namespace_linux.go
//	        fork and exec, back again
//	  instance.run: one goroutine waits for       instance.go
//	        output, one for the end
//
// LimitCPU, at INIT's end, writes the quota that the memory buys into the slot's CPU group, in which the processes are from the beginning (cpu.go).
// It is lifted before they are killed. A container's quota is lifted before its next INIT (container_cpu.go).
//
// The way of one end: SIGTERM, the grace, SIGKILL to the group and the cgroup; the runtime is reaped, its last output handed over, and the slot serves
// the next environment if its /tmp was left empty.
//
// Who kills what when the emulator dies: the kernel sends SIGKILL to each runtime (its parent-death signal), and the watchdog (watchdog.sh), a shell
// that notices the end of its standard input, kills the cgroups or groups and removes the session's folder. If it dies too, the next emulator does
// the latter (session.go).
//
// A host is described by the files host_linux.go, host_unix.go (other Unix systems) and host_windows.go. Process.Limits tells what each cannot do.
//
// The way of one start in a container:
//
//	Container.Start(spec)                         container.go
//	  open: engine, session, the probe, which     container_engine.go container_world.go
//	        stays as the holder of the network
//	        that functions share
//	  plan: image, mounts, network, command,      container_plan.go container_code.go
//	        variables                             container_copies.go container_volumes.go
//	                                              container_environment.go container_runtime.go
//	  spares.take, or newBox: create, start,      container_spares.go container_box.go
//	        and wait for the init's hello
//	  box.launch: the order to start, answered    container_box.go
//	        when the runtime runs                 container_instance.go
//
// The init (package inside) is the container's first process. It is reached by one of two links. Where the engine's containers see this machine's
// files, it comes to a mounted socket (container_doors_linux.go) and hands over the socket on which it listens in the container's network; the
// environment's own Runtime API server takes it, and the runtime's output is a pipe as a process's is. So a warm invoke passes through nothing of
// ours in the container. Else (container_stream.go) connections and output are channels of the attached stream, and code is put into volumes, which
// go when a save has replaced it and its last container has ended (container_copies.go).
//
// The end of the link is the end of the container, and the other way round: no call of the engine is open while a container runs. The container of a
// killed emulator ends at once; what an engine keeps of it is known by its labels (container_leftovers.go). An engine that goes away is waited for.
//
// The folder client holds the runtime clients for Node and Python that are embedded in the binary (clients.go).
package sandbox
