package docker

import (
	"context"

	"github.com/docker/docker/api/types/image"
)

// Images lists the images that carry every one of the labels; a value "" takes any value. Only ID, Size and Labels are set.
func (e *Engine) Images(ctx context.Context, labels map[string]string) ([]Image, error) {
	list, err := e.api.ImageList(ctx, image.ListOptions{Filters: labelFilter(labels)})
	if err != nil {
		return nil, e.fail(ctx, err, "list images")
	}
	out := make([]Image, 0, len(list))
	for _, i := range list {
		out = append(out, Image{ID: i.ID, Size: i.Size, Labels: i.Labels})
	}
	return out, nil
}

// RemoveImage removes an image with all its names; one that is not there is no error, one that a container uses is a Conflict.
func (e *Engine) RemoveImage(ctx context.Context, id string) error {
	_, err := e.api.ImageRemove(ctx, id, image.RemoveOptions{Force: true, PruneChildren: true})
	err = e.fail(ctx, err, "remove image "+id)
	if kindIs(err, ImageMissing) || kindIs(err, NotFound) {
		return nil
	}
	return err
}
