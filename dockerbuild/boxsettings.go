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
)

// passed are the variables of the user that build containers get: proxies, and where packages come from. Names with a * match all that begin so.
func passed() []string {
	return []string{
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
		"GOPROXY", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GONOSUMCHECK", "GOSUMDB", "GOINSECURE", "GOVCS", "GOAUTH", "GOFLAGS",
		"npm_config_registry", "NPM_CONFIG_REGISTRY", "npm_config_strict_ssl", "NPM_CONFIG_STRICT_SSL", "NPM_TOKEN", "NODE_AUTH_TOKEN", "YARN_REGISTRY", "YARN_NPM_*",
		"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_NO_INDEX", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES",
		"UV_INDEX*", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INSECURE_HOST", "UV_HTTP_TIMEOUT", "POETRY_HTTP_BASIC_*", "POETRY_REPOSITORIES_*",
		"CARGO_REGISTRIES_*", "CARGO_REGISTRY_*", "CARGO_HTTP_*", "CARGO_NET_*", "SOURCE_DATE_EPOCH",
	}
}

// authorities are the variables that name a file of certificates: a company's proxy has its own. The file goes along.
func authorities() []string {
	return []string{"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO",
		"npm_config_cafile", "NPM_CONFIG_CAFILE", "AWS_CA_BUNDLE"}
}

// settings gives the box its environment: caches in its volume, and the user's proxies, registries, tokens and certificates. The image's other settings
// stay its own.
func (b *box) settings(ctx context.Context, temp string) error {
	c := boxCache + "/"
	b.env = []string{
		"HOME=" + c + "home", "GOPATH=" + c + "go", "GOMODCACHE=" + c + "gomod", "GOCACHE=" + c + "gobuild", "GOTOOLCHAIN=auto",
		"npm_config_cache=" + c + "npm", "YARN_CACHE_FOLDER=" + c + "yarn", "YARN_GLOBAL_FOLDER=" + c + "yarn-berry",
		"YARN_ENABLE_TELEMETRY=0", "COREPACK_HOME=" + c + "corepack", "PIP_CACHE_DIR=" + c + "pip", "UV_CACHE_DIR=" + c + "uv", "UV_LINK_MODE=copy",
		"POETRY_CACHE_DIR=" + c + "poetry", "CARGO_HOME=" + c + "cargo", "XDG_CACHE_HOME=" + c + "xdg", "CI=1",
	}
	if b.node != "" {
		b.env = append(b.env, "npm_config_nodedir="+b.node)
	}
	dir, err := os.MkdirTemp(temp, "settings-")
	if err != nil {
		return fmt.Errorf("prepare a build container: %w", err)
	}
	defer os.RemoveAll(dir)
	env, err := userSettings(dir, inside(dir), os.Environ())
	if err != nil {
		return fmt.Errorf("prepare a build container: %w", err)
	}
	if !b.shared {
		if err := b.send(ctx, dir, true); err != nil {
			return err
		}
	}
	// Each box has files of its own, which may hold tokens: in its own /tmp, for its user alone.
	const own = "/tmp/.emulate-settings"
	if err := b.root(ctx, `cp -r "$1" "$2" && chown -R "$3" "$2" && chmod -R u=rwX,go= "$2"`, inside(dir), own, b.user); err != nil {
		return err
	}
	for _, kv := range env {
		b.env = append(b.env, strings.ReplaceAll(kv, inside(dir), own))
	}
	return nil
}

// userSettings writes the files that go along into dir, which is called at in the container, and returns the variables.
func userSettings(dir, at string, environ []string) ([]string, error) {
	vars := map[string]string{}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		vars[name] = value
	}
	var env []string
	for _, name := range sortedKeys(vars) {
		if matches(passed(), name) {
			env = append(env, name+"="+vars[name])
		}
	}
	env = append(env, goSettings(vars)...)
	for _, name := range authorities() {
		content, err := os.ReadFile(vars[name])
		if vars[name] == "" || err != nil {
			continue // a setting that helps nobody here either
		}
		if err := os.WriteFile(filepath.Join(dir, name+".pem"), content, 0o644); err != nil {
			return nil, err
		}
		env = append(env, name+"="+at+"/"+name+".pem")
	}
	files, err := userFiles(dir, at, vars)
	return append(env, files...), err
}

func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		if prefix, ok := strings.CutSuffix(p, "*"); p == name || ok && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// goSettings are those of "go env -w" that say where modules come from; the environment's own win.
func goSettings(vars map[string]string) []string {
	file := vars["GOENV"]
	if base, err := os.UserConfigDir(); file == "" && err == nil {
		file = filepath.Join(base, "go", "env")
	}
	content, _ := os.ReadFile(file)
	var env []string
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		name, _, ok := strings.Cut(line, "=")
		if _, given := vars[name]; ok && !given && strings.HasPrefix(name, "GO") && matches(passed(), name) {
			env = append(env, line)
		}
	}
	if _, given := vars["GOPROXY"]; !given && !strings.Contains(strings.Join(env, "\n"), "GOPROXY=") {
		// AWS's images set it to direct, which needs git and every module's own host.
		env = append(env, "GOPROXY=https://proxy.golang.org,direct")
	}
	return env
}

// userFiles copies the users's own settings of npm, pip and cargo, of which only what concerns registries holds elsewhere.
func userFiles(dir, at string, vars map[string]string) ([]string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, nil // a user without a home has none
	}
	npmrc := vars["NPM_CONFIG_USERCONFIG"]
	if npmrc == "" {
		npmrc = filepath.Join(home, ".npmrc")
	}
	pip := vars["PIP_CONFIG_FILE"]
	if pip == "" {
		pip = firstFile(filepath.Join(home, ".config", "pip", "pip.conf"), filepath.Join(home, ".pip", "pip.conf"), "/etc/pip.conf")
	}
	cargo := firstFile(filepath.Join(home, ".cargo", "config.toml"), filepath.Join(home, ".cargo", "config"))
	var env []string
	for _, f := range []struct {
		from, name, variable string
		keep                 func(string) string
	}{
		{npmrc, "npmrc", "NPM_CONFIG_USERCONFIG", npmRegistries}, {pip, "pip.conf", "PIP_CONFIG_FILE", pipIndexes},
		{cargo, "cargo.toml", cargoSettings, cargoRegistries},
	} {
		content, err := os.ReadFile(f.from)
		if err != nil {
			if f.from != "" && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			continue
		}
		kept := f.keep(string(content))
		if kept == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(kept), 0o600); err != nil {
			return nil, err
		}
		env = append(env, f.variable+"="+at+"/"+f.name)
	}
	return env, nil
}

// cargoSettings is the variable of ours that names the user's registries of cargo, which has none for it.
const cargoSettings = "EMULATE_CARGO_CONFIG"

func firstFile(paths ...string) string {
	for _, p := range paths {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return ""
}

// npmRegistry are the lines of an .npmrc that say where packages come from, and as whom.
var npmRegistry = regexp.MustCompile(`^(//|@[^=]*:registry|registry|proxy|https-proxy|noproxy|strict-ssl|always-auth|_auth|email|replace-registry-host)`)

func npmRegistries(text string) string {
	return lines(text, func(l string) bool { return npmRegistry.MatchString(l) })
}

var pipIndex = regexp.MustCompile(`^(\[|(index-url|extra-index-url|trusted-host|timeout|retries|proxy|no-index)\b)`)

func pipIndexes(text string) string {
	kept := lines(text, func(l string) bool { return pipIndex.MatchString(l) })
	if !strings.Contains(kept, "=") {
		return ""
	}
	return kept
}

// cargoRegistries are the tables of a cargo configuration that concern registries and the network.
func cargoRegistries(text string) string {
	keep := false
	return lines(text, func(l string) bool {
		if strings.HasPrefix(l, "[") {
			keep = regexp.MustCompile(`^\[+"?(source|registries|registry|net|http)\b`).MatchString(l)
		}
		return keep
	})
}

// lines keeps some lines of a text.
func lines(text string, keep func(line string) bool) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if keep(strings.TrimSpace(line)) {
			b.WriteString(strings.TrimRight(line, "\r\n") + "\n")
		}
	}
	return b.String()
}
