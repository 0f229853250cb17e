package docker

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// What a user can do about the engine. How to do without it, or with another image, only a caller can say: it knows what the engine is for.
const (
	mendAbsent = "Install Docker (https://docs.docker.com/engine/install) or podman, or name an engine by DOCKER_HOST."
	mendDisk   = "`docker system df` shows what fills the engine's disk, `docker system prune` removes what nobody uses, `emulate clean` what emulators left behind."
	mendHelper = "Look at credHelpers and credsStore in the docker CLI's config.json, and whether their programs are on PATH."
)

// mend is what the user can do about a failure of the engine or of the connection to it.
func (e *Engine) mend(f *Error) string {
	switch f.Kind {
	case Absent, Stopped:
		return startIt(e.dial.at, f.Err)
	case NoPermission:
		return permit(e.dial.at)
	case DiskFull:
		return mendDisk
	case ImageMissing:
		return "Pull or build it first, and look for a misspelt name."
	case WrongPlatform:
		return e.mendPlatform()
	}
	return ""
}

// mendPlatform names how another processor is emulated.
func (e *Engine) mendPlatform() string {
	other := "arm64"
	if e.info.Arch == "arm64" {
		other = "amd64"
	}
	aws := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[e.info.Arch]
	return fmt.Sprintf("This engine's processor is %s. Have it emulate the other: `docker run --privileged --rm tonistiigi/binfmt --install %s`; or give the function `Architectures: [%s]`.",
		e.info.Arch, other, aws)
}

// startIt says how the engine at an address is started.
func startIt(at address, err error) string {
	if errors.Is(err, errSilent) {
		return "It may be starting still; wait, or restart it."
	}
	for _, known := range []struct{ path, how string }{
		{".colima/", "Start it with `colima start`."},
		{".docker/run/", "Start Docker Desktop."},
		{".orbstack/", "Start OrbStack."},
		{".rd/", "Start Rancher Desktop."},
		{"podman-machine", "Start it with `podman machine start`."},
		{"/run/podman/", "Start it with `sudo systemctl start podman.socket`."},
		{"podman/podman.sock", "Start it with `systemctl --user start podman.socket`."},
	} {
		if strings.Contains(at.where, known.path) {
			return known.how
		}
	}
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "Install ssh."
	case at.ssh != nil:
		return fmt.Sprintf("See what `%s version` says.", strings.Join(at.ssh[:len(at.ssh)-2], " "))
	case at.network == "tcp":
		return "Is the engine running there, and does it listen on TCP? See what `docker version` says."
	case runtime.GOOS != "linux":
		return "Start Docker Desktop, colima or podman."
	case strings.HasPrefix(at.where, "/run/user/"):
		return "Start it with `systemctl --user start docker`."
	}
	return "Start it with `sudo systemctl start docker`, or `sudo service docker start`."
}

// permit says how an engine is made ours to use.
func permit(at address) string {
	switch {
	case at.network == "tcp" && at.tls == nil:
		return "It wants TLS: set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and key.pem."
	case at.network == "tcp":
		return "Look at ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH (or the docker context's own), and whether the engine speaks TLS at this port."
	}
	group := "docker"
	if info, err := os.Stat(at.where); err == nil {
		group = groupOf(info, group)
	}
	return fmt.Sprintf("Its socket belongs to the group %s: join it with `sudo usermod -aG %s $USER` and log in again.", group, group)
}
