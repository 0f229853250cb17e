package dockerbuild

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// makefile runs make build-<LogicalID> as SAM does: in a copy of the code's folder (without .git and .aws-sam), since a makefile may write beside
// its sources and the user's folder is not ours, with ARTIFACTS_DIR naming the folder that becomes the function's code. What the target reads outside
// of its folder does not count as its source.
func (j *job) makefile(ctx context.Context) (*Artifact, error) {
	target := j.fn.Code.MakeTarget
	if target == "" {
		target = "build-" + j.fn.LogicalID
	}
	if err := j.tools(ctx); err != nil {
		return nil, err
	}
	a := &Artifact{Inputs: []string{j.dir}}
	var err error
	a.Dir, a.Digest, a.Cached, err = j.fromTree(ctx, "make", hash(target, j.toolState("make"), fmt.Sprint(j.lambda), j.goarch), func(tmp string) error {
		return j.make(ctx, target, tmp)
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

func (j *job) make(ctx context.Context, target, artifacts string) error {
	scratch, err := j.store.temp()
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if err := copyTree(j.dir, scratch, true); err != nil {
		return fmt.Errorf("copy code: %w", err)
	}
	err = j.tool(ctx, "make "+target, "Install make.", Command{Dir: scratch, Args: []string{"make", target}, Env: []string{"ARTIFACTS_DIR=" + inside(artifacts)},
		Reads: append([]string{scratch}, j.roots()...), Writes: []string{artifacts}})
	var failed *Error
	if errors.As(err, &failed) {
		failed.Output = excerpt(relativeTo(artifacts, "$ARTIFACTS_DIR", relativeTo(scratch, ".", failed.Output)))
	}
	if err != nil {
		return err
	}
	if entries, err := os.ReadDir(artifacts); err != nil || len(entries) == 0 {
		return j.fail("make "+target, "the target wrote nothing into ARTIFACTS_DIR", "The target must copy what the function needs to $(ARTIFACTS_DIR).", err)
	}
	return nil
}
