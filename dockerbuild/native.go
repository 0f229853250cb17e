package dockerbuild

import "context"

func (j *job) native(ctx context.Context) (*Artifact, error) { return j.byRuntime(ctx) }
