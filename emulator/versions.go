package emulator

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/lambda"
	"example.com/emulate/emulator/sandbox"
)

// Code that no build made lies in the cache too: copies of the user's own folders, which published versions keep, and deployment packages that
// UpdateFunctionCode brought. Each has a folder of its digest, complete and never changed, and is removed when no emulator has asked for it for long.
const (
	versionsFolder = "versions"
	versionsKept   = 14 * 24 * time.Hour
)

func (e *Emulator) cacheDir() (string, error) {
	if e.o.CacheDir != "" {
		return filepath.Abs(e.o.CacheDir)
	}
	user, err := os.UserCacheDir()
	return filepath.Join(user, "emulate"), err
}

// kept gives the folder of a digest, which fill makes where it is not there.
func (e *Emulator) kept(digest string, fill func(dir string) error) (string, error) {
	cache, err := e.cacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w", err)
	}
	all := filepath.Join(cache, versionsFolder)
	dir := filepath.Join(all, digest)
	now := time.Now()
	if os.Chtimes(dir, now, now) == nil {
		return dir, nil
	}
	if err := os.MkdirAll(all, 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	dropOld(all, now)
	tmp, err := os.MkdirTemp(all, ".new-")
	if err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	defer sandbox.RemoveAll(tmp)
	code := filepath.Join(tmp, "code")
	if err := errors.Join(os.Mkdir(code, 0o755), os.Chmod(code, 0o755)); err != nil { // whatever the umask: containers' users look into it
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	if err := fill(code); err != nil {
		return "", err
	}
	if err := os.Rename(code, dir); err != nil {
		if _, there := os.Stat(dir); there != nil { // nobody else has made it meanwhile
			return "", fmt.Errorf("put code into the cache: %w", err)
		}
	}
	return dir, nil
}

// dropOld removes what no emulator has asked for for long. Renewed stamps keep what runs; an emulator asks for each version's code when it publishes it.
func dropOld(all string, now time.Time) {
	entries, _ := os.ReadDir(all)
	for _, d := range entries {
		if info, err := d.Info(); err == nil && now.Sub(info.ModTime()) > versionsKept {
			_ = sandbox.RemoveAll(filepath.Join(all, d.Name())) // another day, else
		}
	}
}

// snapshot copies what of the code lies outside the cache: the user's own folders, in which the next edit would change a published version.
func (e *Emulator) snapshot(_ context.Context, code lambda.Code) (lambda.Code, error) {
	cache, err := e.cacheDir()
	if err != nil {
		return code, fmt.Errorf("find the cache folder: %w", err)
	}
	keep := func(name, dir string) (string, error) {
		if dir == "" || within(cache, dir) {
			return dir, nil
		}
		sum := sha256.Sum256([]byte(name + "\n" + code.Digest + "\n" + dir))
		return e.kept(hex.EncodeToString(sum[:16]), func(to string) error {
			if err := copyFolder(dir, to, cache); err != nil {
				return fmt.Errorf("keep the code of a version: %w", err)
			}
			return nil
		})
	}
	if code.Dir, err = keep("code", code.Dir); err != nil {
		return code, err
	}
	for _, list := range []*[]string{&code.Layers, &code.NodePath, &code.PythonPath} {
		copies := make([]string, len(*list))
		for i, dir := range *list {
			if copies[i], err = keep(fmt.Sprint("dependency ", i), dir); err != nil {
				return code, err
			}
		}
		*list = copies
	}
	code.Measure = measure(code)
	return code, nil
}

// unpack makes a code folder of a deployment package, and readies what runs it.
func (e *Emulator) unpack(ctx context.Context, f *config.Function, archive []byte) (lambda.Code, error) {
	sum := sha256.Sum256(archive)
	digest := hex.EncodeToString(sum[:])
	dir, err := e.kept("zip-"+digest, func(to string) error { return unzip(archive, to) })
	if err != nil {
		return lambda.Code{}, fmt.Errorf("unpack the code of function %s: %w", f.Name, err)
	}
	code := lambda.Code{Dir: dir, Layers: f.Layers, Digest: digest}
	if e.run.choice(f).container {
		err = e.run.container.Prepare(ctx, f, code)
	}
	if err == nil {
		code.Size = int64(len(archive))
		code.ColdStart, err = e.coldStart(ctx, f, code)
	}
	return code, err
}

// unzip writes a deployment package's files. Names that lead out of the folder are refused. Every file can be read by all, as Lambda wants it.
func unzip(archive []byte, to string) error {
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return err
	}
	for _, f := range r.File {
		name := filepath.FromSlash(strings.TrimSuffix(f.Name, "/"))
		if !filepath.IsLocal(name) {
			return fmt.Errorf("%q is no path inside the package", f.Name)
		}
		if err := unzipFile(f, filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return nil
}

func unzipFile(f *zip.File, to string) error {
	mode := f.Mode()
	if mode.IsDir() || strings.HasSuffix(f.Name, "/") {
		return os.MkdirAll(to, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	if mode&fs.ModeSymlink != 0 {
		return unzipLink(in, to)
	}
	perm := os.FileMode(0o644)
	if mode&0o111 != 0 {
		perm = 0o755
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, perm)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(perm), out.Close())
}

// unzipLink makes a link, if it stays where it is: one that is absolute or leads upwards could make a later file go anywhere.
func unzipLink(in io.Reader, to string) error {
	target, err := io.ReadAll(io.LimitReader(in, 4096))
	if err != nil {
		return err
	}
	if !filepath.IsLocal(string(target)) {
		return fmt.Errorf("the link %s leads out of its folder", filepath.Base(to))
	}
	return os.Symlink(string(target), to)
}
