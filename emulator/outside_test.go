//go:build unix

package emulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"example.com/emulate/emulator"
)

// A key that the cold control does not know stops nothing: n is the command line's, and without the count that it meant all would go.
func TestColdRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	w := serveProbe(t, "", nil)
	w.invoke(`{}`)
	post := func(body string) (int, string) {
		resp, err := http.Post(w.AWSURL()+"/_emulate/cold", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	for _, body := range []string{`{"n":1}`, `{"count":1,"Function name":"probe"}`, `{"count":1}{"count":2}`, `{"count":1} x`, `{"count":-1}`, `[]`} {
		if status, text := post(body); status != http.StatusBadRequest || !strings.Contains(text, `{\"function\": \"NAME\", \"count\": N}`) {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	if status, text := post("{\"count\":1}\n"); status != http.StatusOK || text != "{\"stopped\":1}\n" {
		t.Errorf("after all that the environment is not there any more: %d %s", status, text)
	}
	if status, text := post(""); status != http.StatusOK || text != "{\"stopped\":0}\n" {
		t.Errorf("without a body: %d %s", status, text)
	}
}

// A clean that finds nothing has an empty list.
func TestCleanOfNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "none.sock"))
	c, err := emulator.Clean(t.Context(), emulator.Options{}, false)
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(c)
	if err != nil || !strings.HasPrefix(string(line), `{"removed":[],"bytes":0,"kept":[`) {
		t.Errorf("%s, %v", line, err)
	}
}
