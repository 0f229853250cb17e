package docker

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

// Volume is a named volume of the engine.
type Volume struct {
	Name   string
	Labels map[string]string
}

// CreateVolume makes a volume; one of this name that is there already is kept as it is.
func (e *Engine) CreateVolume(ctx context.Context, name string, labels map[string]string) error {
	_, err := e.api.VolumeCreate(ctx, volume.CreateOptions{Name: name, Labels: labels})
	return e.fail(ctx, err, "create volume "+name)
}

// RemoveVolume removes a volume; one that is not there is no error, one in use is a Conflict.
func (e *Engine) RemoveVolume(ctx context.Context, name string) error {
	err := e.fail(ctx, e.api.VolumeRemove(ctx, name, false), "remove volume "+name)
	if kindIs(err, NotFound) {
		return nil
	}
	return err
}

// Volumes lists the volumes that carry every one of the labels; a value "" takes any value.
func (e *Engine) Volumes(ctx context.Context, labels map[string]string) ([]Volume, error) {
	list, err := e.api.VolumeList(ctx, volume.ListOptions{Filters: labelFilter(labels)})
	if err != nil {
		return nil, e.fail(ctx, err, "list volumes")
	}
	out := make([]Volume, 0, len(list.Volumes))
	for _, v := range list.Volumes {
		out = append(out, Volume{Name: v.Name, Labels: v.Labels})
	}
	return out, nil
}

// RemoveNetwork removes a network by name or id; one that is not there is no error, one in use is a Conflict or Refused.
func (e *Engine) RemoveNetwork(ctx context.Context, name string) error {
	err := e.fail(ctx, e.api.NetworkRemove(ctx, name), "remove network "+name)
	if kindIs(err, NotFound) {
		return nil
	}
	return err
}

// What can be owned.
const (
	OwnedContainer OwnedKind = "container"
	OwnedVolume    OwnedKind = "volume"
	OwnedNetwork   OwnedKind = "network"
	OwnedImage     OwnedKind = "image"
)

// OwnedKind says what an Owned is.
type OwnedKind string

// Owned is something in the engine that carries labels. Name is an image's first tag, "" where it has none; ID is a volume's name.
type Owned struct {
	Kind     OwnedKind
	ID, Name string
	Labels   map[string]string
	// Size in bytes, of images.
	Size int64
}

// Owned lists all containers, volumes, networks and images that carry every one of the labels, in the order in which they can be removed; a value "" takes any value.
func (e *Engine) Owned(ctx context.Context, labels map[string]string) ([]Owned, error) {
	doing, f := "list what carries our labels", labelFilter(labels)
	var all []Owned
	containers, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: f})
	if err != nil {
		return nil, e.fail(ctx, err, doing)
	}
	for _, c := range containers {
		all = append(all, Owned{Kind: OwnedContainer, ID: c.ID, Name: strings.TrimPrefix(first(c.Names), "/"), Labels: c.Labels})
	}
	volumes, err := e.Volumes(ctx, labels)
	if err != nil {
		return nil, err
	}
	for _, v := range volumes {
		all = append(all, Owned{Kind: OwnedVolume, ID: v.Name, Name: v.Name, Labels: v.Labels})
	}
	networks, err := e.api.NetworkList(ctx, network.ListOptions{Filters: f})
	if err != nil {
		return nil, e.fail(ctx, err, doing)
	}
	for _, n := range networks {
		all = append(all, Owned{Kind: OwnedNetwork, ID: n.ID, Name: n.Name, Labels: n.Labels})
	}
	images, err := e.api.ImageList(ctx, image.ListOptions{Filters: f})
	if err != nil {
		return nil, e.fail(ctx, err, doing)
	}
	for _, i := range images {
		all = append(all, Owned{Kind: OwnedImage, ID: i.ID, Name: first(i.RepoTags), Labels: i.Labels, Size: i.Size})
	}
	return all, nil
}

func first(names []string) string {
	if len(names) == 0 || names[0] == "<none>:<none>" {
		return ""
	}
	return names[0]
}

// Sweep removes what carries every one of the labels and what pick, which may be nil for all, chooses: containers first, running or not, several at once, then volumes,
// networks and images. It gives what it removed; what could not be removed is in the error, and does not keep it from the rest.
func (e *Engine) Sweep(ctx context.Context, labels map[string]string, pick func(Owned) bool) (removed []Owned, err error) {
	all, err := e.Owned(ctx, labels)
	if err != nil {
		return nil, err
	}
	by := map[OwnedKind][]Owned{}
	for _, o := range all {
		if pick == nil || pick(o) {
			by[o.Kind] = append(by[o.Kind], o)
		}
	}
	var failed []error
	for _, kind := range []OwnedKind{OwnedContainer, OwnedVolume, OwnedNetwork, OwnedImage} {
		gone, err := e.removeAll(ctx, by[kind])
		removed = append(removed, gone...)
		failed = append(failed, err)
	}
	return removed, errors.Join(failed...)
}

// removeAll removes things of one kind, eight at once. Images that others are built on go in a second round.
func (e *Engine) removeAll(ctx context.Context, all []Owned) (gone []Owned, err error) {
	for len(all) > 0 {
		errs := make([]error, len(all))
		var group sync.WaitGroup
		slots := make(chan struct{}, 8)
		for i, o := range all {
			slots <- struct{}{}
			group.Go(func() {
				errs[i] = e.remove(ctx, o)
				<-slots
			})
		}
		group.Wait()
		var kept []Owned
		for i, o := range all {
			if errs[i] == nil {
				gone = append(gone, o)
			} else {
				kept = append(kept, o)
			}
		}
		if len(kept) == len(all) || all[0].Kind != OwnedImage {
			return gone, errors.Join(errs...)
		}
		all = kept
	}
	return gone, nil
}

func (e *Engine) remove(ctx context.Context, o Owned) error {
	switch o.Kind {
	case OwnedContainer:
		return e.Remove(ctx, o.ID)
	case OwnedVolume:
		return e.RemoveVolume(ctx, o.ID)
	case OwnedNetwork:
		return e.RemoveNetwork(ctx, o.ID)
	}
	return e.RemoveImage(ctx, o.ID)
}
