package lambda

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator/config"
	"example.com/emulate/runtimeapi"
)

// unpackDigest takes a second; the package's one file is named by the digest.
func unpackDigest(_ context.Context, f *config.Function, archive []byte) (Code, error) {
	time.Sleep(time.Second)
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return Code{}, err
	}
	if name := r.File[0].Name; name != "bad" {
		return Code{Dir: "/unpacked", Digest: name}, nil
	}
	return Code{}, errors.New("no bootstrap")
}

func zipped(name string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	_, _ = w.Create(name) // a Buffer cannot fail
	_ = w.Close()
	return b.Bytes()
}

func (w *world) upload(t *testing.T, name, digest string) {
	t.Helper()
	d, err := w.s.UpdateCode(t.Context(), name, CodeUpdate{Zip: zipped(digest)})
	if err != nil || d.LastUpdateStatus != "InProgress" {
		t.Fatalf("%+v %v", d, err)
	}
	time.Sleep(2 * time.Second)
}

func TestUpdateCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log notes
		w := newWorld(t, Options{Unpack: unpackDigest, Log: log.add}, tellsItself)
		cfg := w.fn("f", nil)
		update := func(c CodeUpdate) (Description, error) { return w.s.UpdateCode(t.Context(), "f", c) }
		before, err := w.s.Describe("f", "")
		if err != nil {
			t.Fatal(err)
		}
		sizes := cmp.Comparer(func(a, b func() int64) bool { return a() == b() })
		dry, err := update(CodeUpdate{Zip: zipped("up"), DryRun: true})
		if now, _ := w.s.Describe("f", ""); err != nil || cmp.Diff(before, now, sizes) != "" || dry.CodeSHA256 == before.CodeSHA256 {
			t.Errorf("a dry run: %v %s", err, cmp.Diff(before, now, sizes))
		}
		got, err := update(CodeUpdate{Zip: zipped("up"), RevisionID: before.RevisionID, Architecture: "arm64"})
		if err != nil || got.LastUpdateStatus != "InProgress" || got.CodeSHA256 != dry.CodeSHA256 || got.RevisionID == before.RevisionID {
			t.Errorf("%+v %v", got, err)
		}
		if got := w.ask(t, "f", ""); got != "1 $LATEST on-demand f" {
			t.Errorf("while the update is in progress: %s", got)
		}
		busy := "409 ResourceConflictException: The operation cannot be performed at this time. An update is in progress for resource: " + arnOfF
		_, err = update(CodeUpdate{Zip: zipped("up")})
		wantError(t, err, busy)
		_, err = w.s.Publish(t.Context(), "f", Publication{})
		wantError(t, err, busy)
		time.Sleep(time.Second)
		done, err := w.s.Describe("f", "")
		if err != nil || done.LastUpdateStatus != "Successful" || done.CodeSHA256 != dry.CodeSHA256 || done.RevisionID == got.RevisionID ||
			done.Function.Architecture != "arm64" || done.CodeSize() != int64(len(zipped("up"))) || !done.LastModified.Equal(got.LastModified) {
			t.Errorf("%+v %v", done, err)
		}
		if got := w.ask(t, "f", ""); got != "up $LATEST on-demand f" {
			t.Errorf("after the update: %s", got)
		}
		w.s.SetCode(cfg, Code{Digest: "1"}) // a reload that is not about its code
		if got := w.ask(t, "f", ""); got != "up $LATEST on-demand f" || log.all() != nil {
			t.Errorf("after a reload: %s, %q", got, log.all())
		}
		failing, err := update(CodeUpdate{Zip: zipped("bad")})
		time.Sleep(2 * time.Second)
		if d, _ := w.s.Describe("f", ""); err != nil || d.LastUpdateStatus != "Failed" || d.LastUpdateStatusReason != "no bootstrap" || failing.LastUpdateStatus != "InProgress" {
			t.Errorf("%+v %v", d, err)
		}
		if got := w.ask(t, "f", ""); got != "up $LATEST on-demand f" {
			t.Errorf("after a failed update: %s", got)
		}
		_, err = update(CodeUpdate{Zip: zipped("bad"), Publish: true})
		wantError(t, err, "500 ServiceException: no bootstrap")
		if d, err := update(CodeUpdate{Zip: zipped("next"), Publish: true}); err != nil || d.Version != "1" || d.ARN != arnOfF+":1" {
			t.Errorf("%+v %v", d, err)
		}
		if got := w.ask(t, "f", "1"); got != "next 1 on-demand f:1" {
			t.Errorf("what was published: %s", got)
		}
		w.s.SetCode(cfg, Code{Digest: "2"})
		want := "the code of function f, which has changed, takes the place of what UpdateFunctionCode has set"
		if got := w.ask(t, "f", ""); got != "2 $LATEST on-demand f" || !slices.Equal(log.all(), []string{want}) {
			t.Errorf("after the file has changed: %s, %q", got, log.all())
		}
		_, err = update(CodeUpdate{Zip: []byte("no zip")})
		wantError(t, err, "400 InvalidParameterValueException: Could not unzip uploaded file. Please check your file, then try to upload again.")
		_, err = update(CodeUpdate{Zip: make([]byte, maxZip+1)})
		wantError(t, err, "400 InvalidParameterValueException: Zipped size must be smaller than 52428800 bytes")
		_, err = w.s.UpdateCode(t.Context(), "g", CodeUpdate{Zip: []byte("no zip")})
		wantError(t, err, "404 ResourceNotFoundException: Function not found: "+strings.TrimSuffix(arnOfF, "f")+"g")
		_, err = update(CodeUpdate{Zip: zipped("x"), RevisionID: "x"})
		wantError(t, err, "412 PreconditionFailedException: "+errRevision.Message)
	})
}

// A file that changes during an update by the API is what runs afterwards.
func TestFileChangesDuringAnUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{Unpack: unpackDigest}, tellsItself)
		cfg := w.fn("f", nil)
		if _, err := w.s.UpdateCode(t.Context(), "f", CodeUpdate{Zip: zipped("up")}); err != nil {
			t.Fatal(err)
		}
		w.s.SetCode(cfg, Code{Digest: "2"})
		time.Sleep(2 * time.Second)
		if got := w.ask(t, "f", ""); got != "2 $LATEST on-demand f" {
			t.Error(got)
		}
	})
}

func TestUpdateConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, func(s Spec, _ int) behaviour {
			return behaviour{invoke: func(*runtimeapi.Event) outcome {
				return reply(fmt.Sprintf("%s %d %v", s.Function.Environment["A"], s.Function.MemoryMB, s.Function.Timeout))
			}}
		})
		cfg := w.fn("f", func(f *config.Function) { f.Environment = map[string]string{"A": "file"} })
		memory, timeout, env := 256, 9*time.Second, map[string]string{"A": "api"}
		d, err := w.s.UpdateConfiguration(t.Context(), "f", ConfigurationUpdate{MemoryMB: &memory, Timeout: &timeout, Environment: &env, Description: text("d")})
		if err != nil || d.LastUpdateStatus != "InProgress" || d.Function.MemoryMB != 256 {
			t.Errorf("%+v %v", d, err)
		}
		synctest.Wait()
		if d, err := w.s.Describe("f", ""); err != nil || d.LastUpdateStatus != "Successful" || d.Function.Description != "d" {
			t.Errorf("%+v %v", d, err)
		}
		invoke := func() string { return string(w.invoke(t, "f").Payload) }
		got := []string{invoke()}
		w.s.SetCode(cfg, Code{Digest: "2"})
		got = append(got, invoke())
		other := *cfg
		other.Environment = map[string]string{"A": "file 2"}
		w.s.SetCode(&other, Code{Digest: "2"})
		got = append(got, invoke())
		if d := cmp.Diff([]string{"api 256 9s", "api 256 9s", "file 2 128 3s"}, got); d != "" {
			t.Error(d)
		}
	})
}
