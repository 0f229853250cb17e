package emulator

import (
	"bytes"
	"compress/flate"
	"context"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/fleet"
	"example.com/emulate/emulator/lambda"
)

// awsColdStarts says whether cold starts are to take as long as AWS's: the option's choice, else the configuration's.
func (e *Emulator) awsColdStarts(p *config.Project) bool {
	return or(e.o.ColdStarts, p.ColdStarts) == coldStartsAWS
}

const coldStartsAWS = "aws"

// coldStart is what AWS's cold starts of a function take; nil where nobody asks for them, or AWS's are not known.
func (e *Emulator) coldStart(ctx context.Context, f *config.Function, code lambda.Code) (*lambda.ColdStart, error) {
	e.mu.Lock()
	asked := e.awsColdStarts(e.project)
	e.mu.Unlock()
	if !asked {
		return nil, nil
	}
	language := ""
	if strings.HasPrefix(f.Runtime, "provided") {
		language = languageOf(filepath.Join(code.Dir, "bootstrap"))
	}
	row, ok := fleet.ColdStartOf(f.Runtime, language, f.PackageType, f.Architecture)
	if !ok {
		e.noticeOnce(fmt.Sprintf("cold starts of function %s take as long as they take here: AWS's are not known for %s", f.Name, or(f.Runtime, "its image")))
		return nil, nil
	}
	cold := &lambda.ColdStart{Row: row, Package: fleet.Package{Type: f.PackageType}}
	var err error
	if cold.Package.SizeMB, err = packageSize(code); err != nil {
		return nil, fmt.Errorf("measure the package of function %s: %w", f.Name, err)
	}
	cold.Alone, cold.Crowded, err = e.calibrate(ctx, f, row)
	if err != nil && ctx.Err() == nil {
		e.noticeOnce(fmt.Sprintf("cold starts of %s take at least as long as AWS's: what a hello-world function takes here cannot be measured: %v", f.Runtime, err))
		err = nil
	}
	return cold, err
}

// languageOf tells the language of a program for a provided runtime as AWS's table of cold starts names it, "" where the file does not say.
func languageOf(path string) string {
	if _, err := buildinfo.ReadFile(path); err == nil {
		return "go"
	}
	f, err := elf.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if s := f.Section(".comment"); s != nil {
		if text, err := s.Data(); err == nil && bytes.Contains(text, []byte("rustc")) {
			return "rust"
		}
	}
	libraries, _ := f.ImportedLibraries() // a static program has none
	for _, l := range libraries {
		if strings.HasPrefix(l, "libstdc++") {
			return "c++"
		}
	}
	return ""
}

// packageSize is the compressed size of a function's code and layers in MB: a deployment package's own, or what packing the folders would give.
func packageSize(code lambda.Code) (float64, error) {
	packed := counter(code.Size)
	roots := code.Layers
	if code.Size == 0 {
		roots = slices.Concat(folders(code), roots)
	}
	for _, dir := range roots {
		if err := pack(&packed, dir); err != nil {
			return 0, err
		}
	}
	return float64(packed) / 1e6, nil
}

// folders are those whose files a deployment package of the code would have.
func folders(code lambda.Code) []string {
	return slices.Concat([]string{code.Dir}, code.NodePath, code.PythonPath)
}

// measure makes a lambda.Code's Measure: the size of its files, as they are. What they would take in a package takes seconds to find out, and callers wait.
func measure(code lambda.Code) func() int64 {
	return sync.OnceValue(func() (size int64) {
		for _, root := range folders(code) {
			if root == "" {
				continue
			}
			// An error is that of a folder that is being built anew: what was seen of it counts.
			_ = filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
				if err != nil || !d.Type().IsRegular() {
					return err
				}
				info, err := d.Info()
				if err == nil {
					size += info.Size()
				}
				return err
			})
		}
		return size
	})
}

type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// pack counts what a folder's files, or a file, take when they are compressed.
func pack(to *counter, root string) error {
	if root == "" {
		return nil
	}
	w, err := flate.NewWriter(to, flate.BestSpeed)
	if err != nil {
		return err
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	})
	if err != nil {
		return err
	}
	return w.Close()
}
