package sandbox

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// clientFiles are our runtime clients for managed runtimes: what AWS's images have in /var/runtime (spec lambda.md §1.8, §5.3), but for the AWS SDKs,
// which a function has to bring itself here.
//
//go:embed client/node/*.cjs client/python/*.py client/python/emulate_runtime/*.py
var clientFiles embed.FS

// The entry points below the folder that writeClients returns. Each is run by the interpreter with the handler's name as its argument (else
// _HANDLER), in an environment with AWS_LAMBDA_RUNTIME_API and LAMBDA_TASK_ROOT.
const (
	nodeClient   = "node/bootstrap.cjs"
	pythonClient = "python/bootstrap.py"
)

// writeClients makes sure that the runtime clients are below cacheDir, in a folder named after their content, and returns its absolute path. Several
// emulators may do so at once: a folder of that name is complete, since it is written elsewhere and renamed. The cache must be writable when a
// client first runs, because Python keeps compiled code there.
func writeClients(cacheDir string) (string, error) {
	cacheDir, err := filepath.Abs(cacheDir)
	if err != nil {
		return "", fmt.Errorf("write runtime clients: %w", err)
	}
	digest, err := clientDigest()
	if err != nil {
		return "", fmt.Errorf("read embedded runtime clients: %w", err)
	}
	dir := filepath.Join(cacheDir, "clients-"+digest)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := writeClientsTo(cacheDir, dir); err != nil {
		return "", fmt.Errorf("write runtime clients: %w", err)
	}
	return dir, nil
}

func clientDigest() (string, error) {
	sum := sha256.New()
	err := walkClients(func(name string, content []byte) error {
		fmt.Fprintf(sum, "%s %d\n", name, len(content))
		sum.Write(content)
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil))[:16], err
}

func writeClientsTo(cacheDir, dir string) error {
	if err := os.MkdirAll(cacheDir, 0o755); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(cacheDir, "clients-*.tmp")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	// A private folder by default; functions may run as another user.
	if err := os.Chmod(temporary, 0o755); err != nil {
		return err
	}
	err = walkClients(func(name string, content []byte) error {
		file := filepath.Join(temporary, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		return os.WriteFile(file, content, 0o644)
	})
	if err != nil {
		return err
	}
	err = os.Rename(temporary, dir)
	if errors.Is(err, fs.ErrExist) {
		return nil // another emulator was first, with the same content
	}
	return err
}

// walkClients calls visit for every file, in order of its name: "node/bootstrap.cjs".
func walkClients(visit func(name string, content []byte) error) error {
	root, err := fs.Sub(clientFiles, "client")
	if err != nil {
		return err
	}
	return fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		return visit(name, content)
	})
}
