// Package docker speaks with a container engine: Docker, Docker Desktop, colima, podman's socket, or one on another machine. It is the only importer
// of Docker's client, and nothing of that client's types leaves it.
//
// Connect finds the engine and describes it once. Everything that fails is an *Error with the mend in it.
package docker
