package dockerbuild

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"example.com/emulate/emulator/docker"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// imageBuild is an image to be built from a Dockerfile.
type imageBuild struct {
	// context and file are absolute; args are build arguments.
	context, file, target string
	args                  map[string]string
	// tag is what the image is called afterwards.
	tag string
}

// imageFunction is a function whose code is a container image: the artifact names it. One that SAM's Metadata says how to build is built when something in
// its context has changed that .dockerignore does not leave out.
func (j *job) imageFunction(ctx context.Context) (*Artifact, error) {
	engine, err := j.findEngine(ctx)
	if err != nil {
		return nil, j.engineFailed("find a container engine", err, forImage)
	}
	im := j.fn.Image
	j.goarch = goarch(j.fn.Architecture)
	if im.Context == "" {
		image, err := j.getImage(ctx, engine, im.URI, forImage)
		if err != nil {
			return nil, err
		}
		return &Artifact{Image: im.URI, Digest: image.ID, Cached: true}, nil
	}
	name := im.Dockerfile
	if name == "" {
		name = "Dockerfile"
	}
	tag := im.Tag
	if tag == "" {
		tag = "latest"
	}
	// SAM calls the image by the function's name, in small letters.
	b := &imageBuild{context: im.Context, file: filepath.Join(im.Context, filepath.FromSlash(name)), target: im.Target, args: im.Args, tag: strings.ToLower(j.fn.LogicalID) + ":" + tag}
	j.dir = b.context
	image, cached, err := j.buildOnce(ctx, engine, b)
	if err != nil {
		return nil, err
	}
	return &Artifact{Image: image, Digest: image, Inputs: b.inputs(), Cached: cached}, nil
}

// inputs are what to watch.
func (b *imageBuild) inputs() []string { return outermost([]string{b.context, b.file}) }

// buildOnce builds an image, unless nothing that goes into it has changed since the last build and the engine still has that one.
func (j *job) buildOnce(ctx context.Context, engine *docker.Engine, b *imageBuild) (id string, cached bool, err error) {
	digest, err := b.digest()
	if err != nil {
		return "", false, j.fail("docker build", err.Error(), "Mend the context and the Dockerfile's path.", err)
	}
	platform := j.platform(engine)
	settings := hash("image 1", digest, engine.Info().Address, platform)
	if rec := j.store.record(j.key, settings); rec != nil {
		if image, err := engine.Image(ctx, rec.Artifact.Image, platform); err == nil {
			j.store.touchRecord(j.key)
			return image.ID, true, nil
		}
	}
	image, err := j.dockerBuild(ctx, engine, b, platform)
	if err != nil {
		return "", false, err
	}
	if after, err := b.digest(); err != nil || after != digest {
		return image.ID, false, nil // it changed meanwhile: nothing may be remembered
	}
	return image.ID, false, j.store.saveRecord(j.key, &record{Settings: settings, Snapshot: newSnapshot(), Artifact: Artifact{Image: image.ID}})
}

// colour is what engines put around the errors of a build's commands.
var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// dockerBuild is one build by the engine, told as a step.
func (j *job) dockerBuild(ctx context.Context, engine *docker.Engine, b *imageBuild, platform string) (*docker.Image, error) {
	const step = "docker build"
	start := time.Now()
	j.progress(Progress{Step: step, State: StepStarted})
	var mu sync.Mutex
	var words []string
	spec := docker.BuildSpec{Context: b.context, Dockerfile: b.file, Tag: b.tag, Args: b.args, Target: b.target, Platform: platform, Labels: map[string]string{ownerLabel: j.fn.Name}}
	image, err := engine.Build(ctx, spec, func(p docker.Progress) {
		line := colour.ReplaceAllString(p.Line, "")
		if strings.TrimSpace(line) == "" {
			return
		}
		mu.Lock()
		words = append(words, line)
		mu.Unlock()
		j.progress(Progress{Step: step, State: StepLine, Line: line})
	})
	if err != nil {
		err = j.imageFailed(step, b, words, err)
	}
	j.progress(Progress{Step: step, State: StepDone, Elapsed: time.Since(start), Err: err})
	return image, err
}

func (j *job) imageFailed(step string, b *imageBuild, words []string, err error) error {
	var failed *docker.Error
	if !errors.As(err, &failed) || failed.Kind != docker.BuildFailed {
		err = j.engineFailed(step, err, forImage)
	} else {
		text := strings.Join(words, "\n")
		last := strings.TrimSpace(failed.Err.Error()) // the step's own words, and then the reason
		last = last[strings.LastIndexByte(last, '\n')+1:]
		if !strings.Contains(text, last) {
			text += "\n" + last
		}
		err = j.fail(step, excerpt(text), failed.Mend, err)
	}
	var e *Error
	if errors.As(err, &e) {
		e.Inputs = b.inputs()
	}
	return err
}

// digest identifies all that goes into the image: the build's settings, the Dockerfile, and what of the context its .dockerignore lets through.
func (b *imageBuild) digest() (string, error) {
	dockerfile, err := os.ReadFile(b.file)
	if err != nil {
		return "", fmt.Errorf("read the Dockerfile: %w", err)
	}
	parts := []string{b.context, string(dockerfile), b.target, b.tag}
	for _, k := range sortedKeys(b.args) {
		parts = append(parts, k, b.args[k])
	}
	ignored, err := b.ignored()
	if err != nil {
		return "", err
	}
	err = filepath.WalkDir(b.context, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return ignoreGone(err)
		}
		rel := relative(path, b.context)
		switch skip, err := ignored.MatchesOrParentMatches(rel); {
		case path == b.context:
			return nil
		case err != nil:
			return err
		case d.IsDir() && d.Name() == outputParent, d.IsDir() && skip && !ignored.Exclusions():
			return fs.SkipDir
		case skip:
			return nil
		}
		part, err := contentOf(path, rel, d)
		parts = append(parts, part)
		return err
	})
	return hash(parts...), err
}

// ignored are the patterns of the Dockerfile's own ignore file, else of the context's.
func (b *imageBuild) ignored() (*patternmatcher.PatternMatcher, error) {
	var patterns []string
	for _, file := range []string{b.file + ".dockerignore", filepath.Join(b.context, ".dockerignore")} {
		f, err := os.Open(file)
		if err != nil {
			continue
		}
		defer f.Close()
		if patterns, err = ignorefile.ReadAll(f); err != nil {
			return nil, fmt.Errorf("read %s: %w", filepath.Base(file), err)
		}
		break
	}
	m, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, fmt.Errorf("read .dockerignore: %w", err)
	}
	return m, nil
}

// contentOf identifies one file, link or folder by what it holds.
func contentOf(path, rel string, d fs.DirEntry) (string, error) {
	info, err := d.Info()
	if err != nil {
		return "", ignoreGone(err)
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		to, err := os.Readlink(path)
		return hash("link", rel, to), ignoreGone(err)
	case info.Mode().IsRegular():
		digest, err := fileDigest(path)
		return hash("file", rel, info.Mode().String(), digest), ignoreGone(err)
	}
	return hash("other", rel, info.Mode().String()), nil
}
