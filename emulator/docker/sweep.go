package docker

import (
	"context"

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
	return e.fail(err, "create volume "+name)
}

// RemoveVolume removes a volume; one that is not there is no error, one in use is a Conflict.
func (e *Engine) RemoveVolume(ctx context.Context, name string) error {
	err := e.fail(e.api.VolumeRemove(ctx, name, false), "remove volume "+name)
	if kindIs(err, NotFound) {
		return nil
	}
	return err
}

// Volumes lists the volumes that carry every one of the labels; a value "" takes any value.
func (e *Engine) Volumes(ctx context.Context, labels map[string]string) ([]Volume, error) {
	list, err := e.api.VolumeList(ctx, volume.ListOptions{Filters: labelFilter(labels)})
	if err != nil {
		return nil, e.fail(err, "list volumes")
	}
	out := make([]Volume, 0, len(list.Volumes))
	for _, v := range list.Volumes {
		out = append(out, Volume{Name: v.Name, Labels: v.Labels})
	}
	return out, nil
}
