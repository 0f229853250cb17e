package docker

import (
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-units"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func (s *Spec) config() *container.Config {
	return &container.Config{
		Image: s.Image, Entrypoint: s.Entrypoint, Cmd: s.Cmd, Env: s.Env, WorkingDir: s.WorkingDir, User: s.User, Hostname: s.Hostname, Labels: s.Labels,
		AttachStdout: true, AttachStderr: true, AttachStdin: s.OpenStdin, OpenStdin: s.OpenStdin, StdinOnce: s.OpenStdin,
	}
}

func (s *Spec) hostConfig() *container.HostConfig {
	h := &container.HostConfig{
		AutoRemove: s.AutoRemove, NetworkMode: container.NetworkMode(s.Network), ExtraHosts: s.ExtraHosts, Tmpfs: s.Tmpfs, ReadonlyRootfs: s.ReadOnly,
		Resources: container.Resources{Memory: s.MemoryBytes, MemorySwap: s.MemoryBytes, CPUPeriod: s.CPUPeriod, CPUQuota: s.CPUQuota, CpusetCpus: s.CPUSet},
	}
	if s.PidsLimit != 0 {
		h.PidsLimit = &s.PidsLimit
	}
	if s.Confined {
		h.CapDrop, h.SecurityOpt = []string{"ALL"}, []string{"no-new-privileges"}
	}
	if slices.ContainsFunc(s.Mounts, func(m Mount) bool { return m.Bind != "" }) {
		h.SecurityOpt = append(h.SecurityOpt, "label=disable") // SELinux would forbid the machine's files; others do not mind
	}
	for _, u := range s.Ulimits {
		h.Ulimits = append(h.Ulimits, &units.Ulimit{Name: u.Name, Soft: u.Soft, Hard: u.Hard})
	}
	if s.Unlogged {
		h.LogConfig.Type = "none"
	}
	for _, m := range s.Mounts {
		if m.Bind != "" {
			h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeBind, Source: m.Bind, Target: m.Target, ReadOnly: m.ReadOnly})
		} else {
			h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeVolume, Source: m.Volume, Target: m.Target, ReadOnly: m.ReadOnly})
		}
	}
	return h
}

func parsePlatform(p string) *ocispec.Platform {
	os, arch, ok := strings.Cut(p, "/")
	if !ok {
		return nil
	}
	arch, variant, _ := strings.Cut(arch, "/")
	return &ocispec.Platform{OS: os, Architecture: arch, Variant: variant}
}

// short is an id as Docker's CLI prints it.
func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	if len(id) > 12 && !strings.ContainsAny(id, "/:.-_") {
		return id[:12]
	}
	return id
}
