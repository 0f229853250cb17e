package docker

import (
	"context"
	"io"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-units"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Create makes a container that does not run yet. A missing image is ImageMissing, a taken name Conflict.
func (e *Engine) Create(ctx context.Context, s Spec) (string, error) {
	made, err := e.api.ContainerCreate(ctx, s.config(), s.hostConfig(), s.networking(), platform(s.Platform), s.Name)
	if err != nil {
		return "", e.fail(err, "create a container of image "+s.Image)
	}
	return made.ID, nil
}

// Start starts the container that Create made.
func (e *Engine) Start(ctx context.Context, id string) error {
	return e.fail(e.api.ContainerStart(ctx, id, container.StartOptions{}), "start container "+short(id))
}

// Wait blocks until the container has ended, and gives its exit code; one that was removed meanwhile is NotFound.
func (e *Engine) Wait(ctx context.Context, id string) (int, error) {
	doing := "wait for container " + short(id)
	ended, failed := e.api.ContainerWait(ctx, id, container.WaitConditionNotRunning)
	select {
	case r := <-ended:
		return int(r.StatusCode), nil
	case err := <-failed:
		return 0, e.fail(err, doing)
	case <-ctx.Done():
		return 0, e.fail(ctx.Err(), doing)
	}
}

// Kill sends a signal, such as SIGKILL, to the container's first process. One that does not run any more is no error.
func (e *Engine) Kill(ctx context.Context, id, signal string) error {
	err := e.fail(e.api.ContainerKill(ctx, id, signal), "send "+signal+" to container "+short(id))
	if kindIs(err, NotFound) || kindIs(err, Conflict) {
		return nil
	}
	return err
}

// Remove kills the container where it runs and removes it with its nameless volumes. One that is gone, or going, is no error.
func (e *Engine) Remove(ctx context.Context, id string) error {
	err := e.fail(e.api.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true}), "remove container "+short(id))
	if kindIs(err, NotFound) || (err != nil && strings.Contains(err.Error(), "already in progress")) {
		return nil
	}
	return err
}

// Inspect tells the container's state.
func (e *Engine) Inspect(ctx context.Context, id string) (*State, error) {
	c, err := e.api.ContainerInspect(ctx, id)
	if err != nil {
		return nil, e.fail(err, "inspect container "+short(id))
	}
	s := &State{ID: c.ID, Name: strings.TrimPrefix(c.Name, "/"), Image: c.Image, Networks: map[string]string{}}
	if c.State != nil {
		s.Running, s.PID, s.ExitCode, s.OOMKilled, s.Error = c.State.Running, c.State.Pid, c.State.ExitCode, c.State.OOMKilled, c.State.Error
	}
	if c.Config != nil {
		s.Labels = c.Config.Labels
	}
	if c.NetworkSettings != nil {
		for name, n := range c.NetworkSettings.Networks {
			s.Networks[name] = n.IPAddress
		}
	}
	return s, nil
}

// UpdateCPU sets the container's CPU quota per period, both in microseconds; a quota of -1 lifts the limit.
func (e *Engine) UpdateCPU(ctx context.Context, id string, period, quota int64) error {
	_, err := e.api.ContainerUpdate(ctx, id, container.UpdateConfig{Resources: container.Resources{CPUPeriod: period, CPUQuota: quota}})
	return e.fail(err, "limit the CPU of container "+short(id))
}

// UpdateMemory sets the container's memory limit in bytes, without swap.
func (e *Engine) UpdateMemory(ctx context.Context, id string, bytes int64) error {
	_, err := e.api.ContainerUpdate(ctx, id, container.UpdateConfig{Resources: container.Resources{Memory: bytes, MemorySwap: bytes}})
	return e.fail(err, "limit the memory of container "+short(id))
}

// CopyTo unpacks a tar stream into a folder of the container, which need not run.
func (e *Engine) CopyTo(ctx context.Context, id, dir string, tar io.Reader) error {
	err := e.api.CopyToContainer(ctx, id, dir, tar, container.CopyToContainerOptions{CopyUIDGID: true})
	return e.fail(err, "copy into "+dir+" of container "+short(id))
}

// CopyFrom gives a file or folder of the container as a tar stream, which the caller closes.
func (e *Engine) CopyFrom(ctx context.Context, id, path string) (io.ReadCloser, error) {
	r, _, err := e.api.CopyFromContainer(ctx, id, path)
	if err != nil {
		return nil, e.fail(err, "copy "+path+" of container "+short(id))
	}
	return r, nil
}

// Containers lists all containers, running or not, that carry every one of the labels; a value "" takes any value.
func (e *Engine) Containers(ctx context.Context, labels map[string]string) ([]State, error) {
	list, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: labelFilter(labels)})
	if err != nil {
		return nil, e.fail(err, "list containers")
	}
	states := make([]State, 0, len(list))
	for _, c := range list {
		s := State{ID: c.ID, Image: c.Image, Running: c.State == container.StateRunning, Labels: c.Labels, Networks: map[string]string{}}
		if len(c.Names) > 0 {
			s.Name = strings.TrimPrefix(c.Names[0], "/")
		}
		if c.NetworkSettings != nil {
			for name, n := range c.NetworkSettings.Networks {
				s.Networks[name] = n.IPAddress
			}
		}
		states = append(states, s)
	}
	return states, nil
}

func labelFilter(labels map[string]string) filters.Args {
	f := filters.NewArgs()
	for k, v := range labels {
		if v != "" {
			k += "=" + v
		}
		f.Add("label", k)
	}
	return f
}

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
	for _, u := range s.Ulimits {
		h.Ulimits = append(h.Ulimits, &units.Ulimit{Name: u.Name, Soft: u.Soft, Hard: u.Hard})
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

func (s *Spec) networking() *network.NetworkingConfig { return nil }

func platform(p string) *ocispec.Platform {
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
