package burst

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// browser is a headless Chromium, driven by the WebDriver protocol.
type browser struct {
	t       *testing.T
	session string // its URL
}

var driverReady = regexp.MustCompile(`started successfully on port (\d+)`)

// startBrowser needs Debian's chromium and chromium-driver (testdata/tools/debian.txt).
func startBrowser(t *testing.T) *browser {
	t.Helper()
	cmd := exec.Command("chromedriver", "--port=0")
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (testdata/tools/install.sh installs it)", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	b := &browser{t: t}
	for lines := bufio.NewScanner(out); b.session == "" && lines.Scan(); {
		if m := driverReady.FindStringSubmatch(lines.Text()); m != nil {
			b.session = "http://127.0.0.1:" + m[1]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	var made struct{ SessionId string }
	b.call(http.MethodPost, "/session", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"goog:loggingPrefs":  map[string]string{"browser": "ALL"},
		"goog:chromeOptions": map[string]any{"args": []string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"}},
	}}}, &made)
	b.session += "/session/" + made.SessionId
	t.Cleanup(func() { b.call(http.MethodDelete, "", nil, nil) })
	return b
}

// call makes one call, and ends the test where it fails.
func (b *browser) call(method, path string, in, out any) {
	b.t.Helper()
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			b.t.Fatal(err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, b.session+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Value json.RawMessage }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		b.t.Fatalf("%s %s: %v, HTTP %d: %.500s", method, path, err, resp.StatusCode, answer.Value)
	}
	if out != nil {
		if err := json.Unmarshal(answer.Value, out); err != nil {
			b.t.Fatalf("%s %s: %v in %.500s", method, path, err, answer.Value)
		}
	}
}

// open shows a file, light or dark, in a window of a width.
func (b *browser) open(file, scheme string, width int) {
	b.t.Helper()
	b.devtools("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]string{"name": "prefers-color-scheme", "value": scheme}}})
	b.devtools("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false})
	b.call(http.MethodPost, "/url", map[string]string{"url": "file://" + filepath.ToSlash(file)}, nil)
}

func (b *browser) devtools(command string, params any) {
	b.t.Helper()
	b.call(http.MethodPost, "/goog/cdp/execute", map[string]any{"cmd": command, "params": params}, nil)
}

// run runs a script's function body in the page, and reads what it returns.
func (b *browser) run(script string, out any) {
	b.t.Helper()
	b.call(http.MethodPost, "/execute/sync", map[string]any{"script": script, "args": []any{}}, out)
}

// console is what the page has written there since the last call: errors, and what its security policy has forbidden.
func (b *browser) console() []string {
	b.t.Helper()
	var entries []struct{ Level, Message string }
	b.call(http.MethodPost, "/se/log", map[string]string{"type": "browser"}, &entries)
	var out []string
	for _, e := range entries {
		out = append(out, fmt.Sprintf("%s: %s", e.Level, e.Message))
	}
	return out
}
