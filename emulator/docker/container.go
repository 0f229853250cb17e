package docker

import (
	"context"
	"io"
	"strings"
	"sync/atomic"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
)

// Create makes a container that does not run yet. A missing image is ImageMissing, one for another processor WrongPlatform, a taken name Conflict. When ctx ends
// first, Create returns, and what the engine still makes is removed in the background.
func (e *Engine) Create(ctx context.Context, s Spec) (string, error) {
	doing := "create a container of image " + s.Image
	type result struct {
		id  string
		err error
	}
	made := make(chan result, 1)
	// The engine goes on creating when the connection ends, and nobody would learn the id: so the call itself does not end with ctx.
	whole, cancel := e.outlast(ctx)
	var decided atomic.Bool // by who comes first: the engine, or the end of ctx
	err := e.background(func() {
		defer cancel()
		r, err := e.api.ContainerCreate(whole, s.config(), s.hostConfig(), nil, parsePlatform(s.Platform), s.Name)
		if decided.CompareAndSwap(false, true) {
			made <- result{r.ID, e.fail(whole, err, doing)}
		} else if err == nil {
			e.Remove(whole, r.ID)
		}
	})
	if err != nil {
		cancel()
		return "", e.fail(ctx, err, doing)
	}
	select {
	case r := <-made:
		return r.id, r.err
	case <-ctx.Done():
		if decided.CompareAndSwap(false, true) {
			return "", e.fail(ctx, ctx.Err(), doing)
		}
		r := <-made
		return r.id, r.err
	}
}

// Start starts the container that Create made.
func (e *Engine) Start(ctx context.Context, id string) error {
	return e.fail(ctx, e.api.ContainerStart(ctx, id, container.StartOptions{}), "start container "+short(id))
}

// Kill sends a signal, such as SIGKILL, to the container's first process. One that does not run any more is no error.
func (e *Engine) Kill(ctx context.Context, id, signal string) error {
	err := e.fail(ctx, e.api.ContainerKill(ctx, id, signal), "send "+signal+" to container "+short(id))
	if kindIs(err, NotFound) || kindIs(err, Conflict) {
		return nil
	}
	return err
}

// Remove kills the container where it runs, removes it with its nameless volumes, and returns when it is gone. One that is gone already, or that somebody else is
// removing, is no error.
func (e *Engine) Remove(ctx context.Context, id string) error {
	doing := "remove container " + short(id)
	err := e.fail(ctx, e.api.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true}), doing)
	if kindIs(err, Conflict) && strings.Contains(err.Error(), "already in progress") {
		err = e.removed(ctx, id, doing)
	}
	if kindIs(err, NotFound) {
		return nil
	}
	return err
}

// removed waits until a container that is being removed is gone.
func (e *Engine) removed(ctx context.Context, id, doing string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	gone, failed := e.api.ContainerWait(ctx, id, container.WaitConditionRemoved)
	select {
	case <-gone:
		return nil
	case err := <-failed:
		return e.fail(ctx, err, doing)
	case <-ctx.Done():
		return e.fail(ctx, ctx.Err(), doing)
	}
}

// Inspect tells the container's state.
func (e *Engine) Inspect(ctx context.Context, id string) (*State, error) {
	c, err := e.api.ContainerInspect(ctx, id)
	if err != nil {
		return nil, e.fail(ctx, err, "inspect container "+short(id))
	}
	s := &State{ID: c.ID, Name: strings.TrimPrefix(c.Name, "/"), Image: c.Image, Networks: map[string]string{}}
	if c.State != nil {
		s.Running, s.PID, s.ExitCode, s.OOMKilled, s.Error = c.State.Running, c.State.Pid, c.State.ExitCode, c.State.OOMKilled, c.State.Error
	}
	if c.Config != nil {
		s.Labels = c.Config.Labels
	}
	if c.NetworkSettings != nil {
		addresses(s.Networks, c.NetworkSettings.Networks)
	}
	return s, nil
}

// UpdateCPU sets the container's CPU quota per period, both in microseconds; a quota of -1 lifts the limit.
func (e *Engine) UpdateCPU(ctx context.Context, id string, period, quota int64) error {
	_, err := e.api.ContainerUpdate(ctx, id, container.UpdateConfig{Resources: container.Resources{CPUPeriod: period, CPUQuota: quota}})
	return e.fail(ctx, err, "limit the CPU of container "+short(id))
}

// CopyTo unpacks a tar stream into a folder of the container, which need not run.
func (e *Engine) CopyTo(ctx context.Context, id, dir string, tar io.Reader) error {
	err := e.api.CopyToContainer(ctx, id, dir, tar, container.CopyToContainerOptions{CopyUIDGID: true})
	return e.fail(ctx, err, "copy into "+dir+" of container "+short(id))
}

// CopyFrom gives a file or folder of the container as a tar stream, which the caller closes.
func (e *Engine) CopyFrom(ctx context.Context, id, path string) (io.ReadCloser, error) {
	r, _, err := e.api.CopyFromContainer(ctx, id, path)
	if err != nil {
		return nil, e.fail(ctx, err, "copy "+path+" of container "+short(id))
	}
	return r, nil
}

// Containers lists all containers, running or not, that carry every one of the labels; a value "" takes any value.
func (e *Engine) Containers(ctx context.Context, labels map[string]string) ([]State, error) {
	list, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: labelFilter(labels)})
	if err != nil {
		return nil, e.fail(ctx, err, "list containers")
	}
	states := make([]State, 0, len(list))
	for _, c := range list {
		s := State{ID: c.ID, Image: c.Image, Running: c.State == container.StateRunning, Labels: c.Labels, Networks: map[string]string{}}
		if len(c.Names) > 0 {
			s.Name = strings.TrimPrefix(c.Names[0], "/")
		}
		if c.NetworkSettings != nil {
			addresses(s.Networks, c.NetworkSettings.Networks)
		}
		states = append(states, s)
	}
	return states, nil
}

func addresses(to map[string]string, from map[string]*network.EndpointSettings) {
	for name, n := range from {
		to[name] = n.IPAddress
	}
}

// labelFilter takes what carries every one of the labels; a value "" takes any value.
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
