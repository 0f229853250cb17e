package docker

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/api/types/registry"
)

// dockerHub is how the docker CLI writes the registry of images whose name has none.
const dockerHub = "https://index.docker.io/v1/"

// cliConfig is what the docker CLI's config.json says of registries.
type cliConfig struct {
	Auths map[string]struct {
		Auth, IdentityToken, RegistryToken string
	}
	CredsStore  string
	CredHelpers map[string]string
}

// registryOf is the registry of a reference, as the docker CLI writes it.
func registryOf(ref string) string {
	first, _, ok := strings.Cut(ref, "/")
	if !ok || (!strings.ContainsAny(first, ".:") && first != "localhost" && first == strings.ToLower(first)) || first == "docker.io" || first == "index.docker.io" {
		return dockerHub
	}
	return first
}

func (s seeker) cliConfig() (c cliConfig, err error) {
	path := filepath.Join(s.configDir(), "config.json")
	b, err := os.ReadFile(path)
	if err != nil {
		return c, nil // none, or not for us: images are pulled without credentials then
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("read credentials in %s: %w", path, err)
	}
	return c, nil
}

// auth is the credentials for a registry as the engine takes them, "" where there are none.
func (s seeker) auth(ctx context.Context, host string) (string, error) {
	a, err := s.credentials(ctx, host)
	if err != nil || a == nil {
		return "", err
	}
	return registry.EncodeAuthConfig(*a)
}

// credentials looks where the docker CLI does: the helper for this registry, the helper for all, the file itself.
func (s seeker) credentials(ctx context.Context, host string) (*registry.AuthConfig, error) {
	c, err := s.cliConfig()
	if err != nil {
		return nil, err
	}
	helper := c.CredHelpers[bare(host)]
	if helper == "" {
		helper = c.CredsStore
	}
	if helper != "" {
		if a, err := askHelper(ctx, helper, host); a != nil || err != nil {
			return a, err
		}
	}
	for name, kept := range c.Auths {
		if bare(name) != bare(host) {
			continue
		}
		a := &registry.AuthConfig{ServerAddress: host, IdentityToken: kept.IdentityToken, RegistryToken: kept.RegistryToken}
		if kept.Auth != "" {
			b, err := base64.StdEncoding.DecodeString(kept.Auth)
			if err != nil {
				return nil, fmt.Errorf("read the docker CLI's credentials for %s: %w", host, err)
			}
			user, password, _ := strings.Cut(string(b), ":")
			a.Username, a.Password = user, strings.TrimRight(password, "\x00")
		}
		if a.Username+a.IdentityToken+a.RegistryToken != "" {
			return a, nil
		}
	}
	return nil, nil
}

// bare is a registry's name without the way to it.
func bare(name string) string {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "https://"), "http://")
	name, _, _ = strings.Cut(name, "/")
	if name == "docker.io" || name == "registry-1.docker.io" {
		return "index.docker.io"
	}
	return name
}

// askHelper asks docker-credential-NAME, whose answer "credentials not found" is none.
func askHelper(ctx context.Context, name, host string) (*registry.AuthConfig, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	program := "docker-credential-" + name
	cmd := exec.CommandContext(ctx, program, "get")
	cmd.Stdin = strings.NewReader(host)
	cmd.WaitDelay = time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(out.String() + " " + errs.String())
		if strings.Contains(said, "credentials not found") || errors.Is(err, exec.ErrNotFound) {
			return nil, nil // the docker CLI pulls without credentials then, too
		}
		return nil, fmt.Errorf("ask %s for the credentials of %s: %w: %s", program, host, err, said)
	}
	var got struct{ Username, Secret string }
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		return nil, fmt.Errorf("ask %s for the credentials of %s: %w", program, host, err)
	}
	a := &registry.AuthConfig{ServerAddress: host, Username: got.Username, Password: got.Secret}
	if got.Username == "<token>" {
		a.Username, a.Password, a.IdentityToken = "", "", got.Secret
	}
	return a, nil
}
