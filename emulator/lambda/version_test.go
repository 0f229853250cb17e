package lambda

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator/config"
	"example.com/emulate/runtimeapi"
)

// tellsItself is a handler that answers with the code, version and kind of its environment.
func tellsItself(s Spec, _ int) behaviour {
	return behaviour{init: 50 * time.Millisecond, invoke: func(ev *runtimeapi.Event) outcome {
		o := reply(fmt.Sprintf("%s %s %s %s", s.Code.Digest, s.Version, s.InitializationType, ev.InvokedFunctionARN[len("arn:aws:lambda:us-east-1:123456789012:function:"):]))
		o.after = 100 * time.Millisecond
		return o
	}}
}

func (w *world) ask(t *testing.T, name, qualifier string) string {
	t.Helper()
	res, err := w.s.Invoke(t.Context(), &Invocation{Function: name, Qualifier: qualifier, Payload: []byte(`{}`)})
	if err != nil {
		return err.Error()
	}
	if v := strings.Fields(string(res.Payload))[1]; v != res.ExecutedVersion {
		t.Errorf("%s:%s: executed version %s, the environment's is %s", name, qualifier, res.ExecutedVersion, v)
	}
	return string(res.Payload)
}

func (w *world) publish(t *testing.T, name string) string {
	t.Helper()
	d, err := w.s.Publish(t.Context(), name, Publication{})
	if err != nil {
		t.Fatal(err)
	}
	return d.Version
}

func text(s string) *string { return &s }

// notes is a Log.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) add(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf(format, args...))
}

func (n *notes) all() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.lines)
}

// wantError checks an error literally: "409 ResourceConflictException: …".
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	got := "<nil>"
	var e *Error
	if errors.As(err, &e) {
		got = fmt.Sprintf("%d %s: %s", e.Status, e.Name, e.Message)
	} else if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

const arnOfF = "arn:aws:lambda:us-east-1:123456789012:function:f"

func TestVersionsKeepTheirCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		snapshots := 0
		w := newWorld(t, Options{Snapshot: func(_ context.Context, c Code) (Code, error) {
			snapshots++
			c.Dir = "/kept/" + c.Digest
			return c, nil
		}}, func(s Spec, n int) behaviour {
			if s.Version != latest && s.Code.Dir != "/kept/"+s.Code.Digest {
				t.Errorf("version %s runs in %s", s.Version, s.Code.Dir)
			}
			return tellsItself(s, n)
		})
		cfg := w.fn("f", nil)
		if got := w.publish(t, "f") + w.publish(t, "f"); got != "11" || snapshots != 1 {
			t.Errorf("published %s with %d snapshots: nothing has changed in between", got, snapshots)
		}
		if _, err := w.s.CreateAlias(t.Context(), "f", "live", AliasChange{Version: text("1")}); err != nil {
			t.Fatal(err)
		}
		first := w.ask(t, "f", "live")
		w.s.Building(cfg)
		started := w.starts
		if got := w.ask(t, "f", "1"); got != "1 1 on-demand f:1" || w.starts != started { // it does not wait for the build, and its environment stays
			t.Errorf("version 1 during a build: %s, %d more environments", got, w.starts-started)
		}
		w.s.SetCode(cfg, Code{Dir: "/code", Digest: "2"})
		got := []string{first, w.ask(t, "f", ""), w.ask(t, "f", "live"), w.publish(t, "f"), w.ask(t, "f", "live"), w.ask(t, "f", "2")}
		if _, err := w.s.UpdateAlias("f", "live", AliasChange{Version: text("2")}); err != nil {
			t.Fatal(err)
		}
		got = append(got, w.ask(t, "f", "live"), w.ask(t, "f", "3"), w.ask(t, "f", "01"))
		want := []string{"1 1 on-demand f:live", "2 $LATEST on-demand f", "1 1 on-demand f:live", "2", "1 1 on-demand f:live", "2 2 on-demand f:2", "2 2 on-demand f:live",
			"ResourceNotFoundException: Function not found: " + arnOfF + ":3", "ResourceNotFoundException: Function not found: " + arnOfF + ":01"}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		w.s.BuildFailed(cfg, errors.New("main.go:1"))
		if got := w.ask(t, "f", "1"); got != "1 1 on-demand f:1" {
			t.Errorf("version 1 after a failed build: %s", got)
		}
		all, err := w.s.Versions("f")
		var names []string
		for _, d := range all {
			names = append(names, d.Version+" "+d.LastUpdateStatus)
		}
		if d := cmp.Diff([]string{"$LATEST Failed", "1 Successful", "2 Successful"}, names); d != "" || err != nil {
			t.Error(d, err)
		}
	})
}

func TestPublishChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, tellsItself)
		w.fn("f", nil)
		now, err := w.s.Describe("f", "")
		if err != nil {
			t.Fatal(err)
		}
		publish := func(p Publication) error {
			_, err := w.s.Publish(t.Context(), "f", p)
			return err
		}
		wantError(t, publish(Publication{CodeSHA256: "x"}), "400 InvalidParameterValueException: CodeSHA256 (x) is different from current CodeSHA256 in $LATEST ("+
			now.CodeSHA256+"). Please try again with the CodeSHA256 in $LATEST.")
		wantError(t, publish(Publication{RevisionID: "x"}), "412 PreconditionFailedException: The Revision Id provided does not match the latest Revision Id. "+
			"Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
		if err := publish(Publication{CodeSHA256: now.CodeSHA256, RevisionID: now.RevisionID, Description: "first"}); err != nil {
			t.Error(err)
		}
		if d, err := w.s.Describe("f", "1"); err != nil || d.Function.Description != "first" || d.ARN != arnOfF+":1" || d.RevisionID == now.RevisionID {
			t.Errorf("%+v %v", d, err)
		}
		_, err = w.s.Publish(t.Context(), "g", Publication{})
		wantError(t, err, "404 ResourceNotFoundException: Function not found: "+strings.TrimSuffix(arnOfF, "f")+"g")
	})
}

// A description is configuration: one that has changed makes a new version, whatever the last version itself was described as.
func TestPublishSeesADescriptionThatHasChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, tellsItself)
		w.fn("f", nil)
		publish := func(p Publication) string {
			d, err := w.s.Publish(t.Context(), "f", p)
			if err != nil {
				t.Fatal(err)
			}
			return d.Version + " " + d.Function.Description
		}
		got := []string{publish(Publication{Description: "own"}), publish(Publication{})}
		if _, err := w.s.UpdateConfiguration(t.Context(), "f", ConfigurationUpdate{Description: text("new")}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got = append(got, publish(Publication{}), publish(Publication{Description: "other"}))
		if d := cmp.Diff([]string{"1 own", "1 own", "2 new", "2 new"}, got); d != "" {
			t.Error(d)
		}
	})
}

func TestAliases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{Seed: 7}, tellsItself)
		cfg := w.fn("f", nil)
		w.publish(t, "f")
		w.s.SetCode(cfg, Code{Digest: "2"})
		w.publish(t, "f")
		create := func(name, version string, weights map[string]float64) error {
			_, err := w.s.CreateAlias(t.Context(), "f", name, AliasChange{Version: &version, Weights: &weights})
			return err
		}
		wantError(t, create("a", "1", map[string]float64{"2": 0.25}), "<nil>")
		wantError(t, create("a", "1", nil), "409 ResourceConflictException: Alias already exists: "+arnOfF+":a")
		wantError(t, create("b", "9", nil), "404 ResourceNotFoundException: Function not found: "+arnOfF+":9")
		wantError(t, create("b", "a", nil), "404 ResourceNotFoundException: Function not found: "+arnOfF+":a")
		wantError(t, create("b", "1", map[string]float64{"1": 0.5}), "400 InvalidParameterValueException: Invalid function version 1. Function version 1 is already included in routing configuration.")
		wantError(t, create("b", "1", map[string]float64{"1": 0.5, "2": 0.1}), "400 InvalidParameterValueException: Number of items in AdditionalVersionWeights cannot be greater than 1")
		wantError(t, create("b", "$LATEST", map[string]float64{"1": 0.5}), "400 InvalidParameterValueException: $LATEST is not supported for an alias pointing to more than 1 version")
		wantError(t, create("b", "1", map[string]float64{"$LATEST": 0.5}), "400 InvalidParameterValueException: $LATEST is not supported for an alias pointing to more than 1 version")
		wantError(t, create("b", "$LATEST", nil), "<nil>")
		_, err := w.s.UpdateAlias("f", "c", AliasChange{})
		wantError(t, err, "404 ResourceNotFoundException: Alias not found: "+arnOfF+":c")
		_, err = w.s.Alias("f", "c")
		wantError(t, err, "404 ResourceNotFoundException: Cannot find alias arn: "+arnOfF+":c")
		_, err = w.s.UpdateAlias("f", "a", AliasChange{RevisionID: "x"})
		wantError(t, err, "412 PreconditionFailedException: "+errRevision.Message)

		draw := func() (out string) {
			for range 200 {
				out += strings.Fields(w.ask(t, "f", "a"))[1]
			}
			return out
		}
		drawn := draw()
		if n := strings.Count(drawn, "2"); n < 30 || n > 70 {
			t.Errorf("%d of 200 requests went to the version with weight 0.25", n)
		}
		again := newWorld(t, Options{Seed: 7}, tellsItself)
		cfg = again.fn("f", nil)
		again.publish(t, "f")
		again.s.SetCode(cfg, Code{Digest: "2"})
		again.publish(t, "f")
		if _, err := again.s.CreateAlias(t.Context(), "f", "a", AliasChange{Version: text("1"), Weights: &map[string]float64{"2": 0.25}}); err != nil {
			t.Fatal(err)
		}
		w = again
		if draw() != drawn {
			t.Error("the same seed draws other versions")
		}
		a, err := w.s.UpdateAlias("f", "a", AliasChange{Weights: &map[string]float64{}, Description: text("d")})
		if want := (Alias{ARN: arnOfF + ":a", Name: "a", Description: "d", Version: "1", RevisionID: a.RevisionID}); err != nil || cmp.Diff(want, a) != "" {
			t.Error(cmp.Diff(want, a), err)
		}
		if draw() != strings.Repeat("1", 200) {
			t.Error("weights that were taken away still divide")
		}
		if list, err := w.s.Aliases("f", "2"); err != nil || len(list) != 0 {
			t.Errorf("aliases of version 2: %v %v", list, err)
		}
		wantError(t, w.s.DeleteAlias("f", "a"), "<nil>")
		wantError(t, w.s.DeleteAlias("f", "a"), "<nil>")
		if got := w.ask(t, "f", "a"); got != "ResourceNotFoundException: Function not found: "+arnOfF+":a" {
			t.Errorf("an alias that was deleted: %s", got)
		}
	})
}

// The version that AutoPublishAlias makes runs what is in the files, its alias too; what the API published or uploaded is kept apart from it.
func TestAutoPublishAliasFollowsTheFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{Unpack: unpackDigest}, tellsItself)
		cfg := w.fn("f", func(f *config.Function) { f.Alias = "live" })
		got := []string{w.ask(t, "f", "live")}
		w.s.SetCode(cfg, Code{Digest: "2"})
		got = append(got, w.ask(t, "f", "live"), w.publish(t, "f"), w.publish(t, "f"))
		w.upload(t, "f", "up")
		got = append(got, w.ask(t, "f", ""), w.ask(t, "f", "live"), w.publish(t, "f"))
		w.s.SetCode(cfg, Code{Digest: "3"})
		got = append(got, w.ask(t, "f", ""), w.ask(t, "f", "live"), w.ask(t, "f", "2"), w.ask(t, "f", "3"))
		renamed := *cfg
		renamed.Alias = "prod"
		w.s.SetCode(&renamed, Code{Digest: "3"})
		got = append(got, w.ask(t, "f", "live"), w.ask(t, "f", "prod"))
		if _, err := w.s.Provision(t.Context(), "f", "prod", 1); err != nil {
			t.Fatal(err)
		}
		if err := w.s.Unprovision("f", "prod"); err != nil {
			t.Fatal(err)
		}
		plain := renamed
		plain.Alias = ""
		w.s.SetCode(&plain, Code{Digest: "3"})
		got = append(got, w.ask(t, "f", "prod"), w.ask(t, "f", "1"), w.ask(t, "f", "3"))
		gone := "ResourceNotFoundException: Function not found: " + arnOfF
		want := []string{"1 1 on-demand f:live", "2 1 on-demand f:live", "2", "2", "up $LATEST on-demand f", "2 1 on-demand f:live", "3", "3 $LATEST on-demand f",
			"3 1 on-demand f:live", "2 2 on-demand f:2", "up 3 on-demand f:3", gone + ":live", "3 1 on-demand f:prod", gone + ":prod", gone + ":1", "up 3 on-demand f:3"}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

// A request that has found a version which then goes is answered all the same.
func TestVersionGoesWhileARequestIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, tellsItself)
		cfg := w.fn("f", func(f *config.Function) { f.Alias = "live" })
		f, pool, err := w.s.ready(t.Context(), "f", "live")
		if err != nil {
			t.Fatal(err)
		}
		plain := *cfg
		plain.Alias = ""
		w.s.SetCode(&plain, Code{Digest: "1"})
		r := w.s.newRequest(f, pool, &Invocation{Function: "f", Qualifier: "live", Payload: []byte("{}")})
		w.s.place(r)
		<-r.done
		if r.err != nil || string(r.result.Payload) != "1 1 on-demand f:live" {
			t.Errorf("%s %v", r.result.Payload, r.err)
		}
		if got := w.publish(t, "f"); got != "2" {
			t.Errorf("the next version is %s: numbers are never used again", got)
		}
	})
}

// A version that no alias points to can be deleted, and nothing else by a qualifier.
func TestDeleteVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, tellsItself)
		cfg := w.fn("f", nil)
		for _, digest := range []string{"2", "3", "4"} {
			w.publish(t, "f")
			w.s.SetCode(cfg, Code{Digest: digest})
		}
		for name, weights := range map[string]map[string]float64{"b": nil, "a": {"2": 0.5}} {
			if _, err := w.s.CreateAlias(t.Context(), "f", name, AliasChange{Version: text("1"), Weights: &weights}); err != nil {
				t.Fatal(err)
			}
		}
		const bad, conflict = "400 InvalidParameterValueException: ", "409 ResourceConflictException: Unable to delete version because the following aliases reference it: "
		wantError(t, w.s.DeleteVersion("f", "$LATEST"), bad+"$LATEST version cannot be deleted without deleting the function.")
		wantError(t, w.s.DeleteVersion("f", "a"), bad+"Deletion of aliases is not currently supported.")
		wantError(t, w.s.DeleteVersion("f", "1"), conflict+"[a, b]")
		wantError(t, w.s.DeleteVersion("f", "2"), conflict+"[a]")
		wantError(t, w.s.DeleteVersion("f", "99"), "<nil>")
		wantError(t, w.s.DeleteVersion("g", "1"), "404 ResourceNotFoundException: Function not found: "+strings.TrimSuffix(arnOfF, "f")+"g")
		if _, err := w.s.Provision(t.Context(), "f", "3", 2); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		got := []string{w.ask(t, "f", "3")}
		wantError(t, w.s.DeleteVersion("f", "3"), "<nil>")
		wantError(t, w.s.DeleteVersion("f", "3"), "<nil>")
		got = append(got, w.ask(t, "f", "3"), w.publish(t, "f"), w.ask(t, "f", "4"))
		want := []string{"3 3 provisioned-concurrency f:3", "ResourceNotFoundException: Function not found: " + arnOfF + ":3", "4", "4 4 on-demand f:4"}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if st := w.s.Stats()[0]; st.Provisioned != 0 {
			t.Errorf("%d are provisioned for a version that is deleted", st.Provisioned)
		}
		all, err := w.s.Versions("f")
		var names []string
		for _, d := range all {
			names = append(names, d.Version)
		}
		if d := cmp.Diff([]string{"$LATEST", "1", "2", "4"}, names); d != "" || err != nil {
			t.Error(d, err)
		}
	})
}

// A version that goes while a request runs in it lets the request finish; that of AutoPublishAlias comes back, by another number, with the next reload.
func TestDeleteVersionOfAutoPublishAlias(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, tellsItself)
		cfg := w.fn("f", func(f *config.Function) { f.Alias = "live" })
		wantError(t, w.s.DeleteVersion("f", "1"), "409 ResourceConflictException: Unable to delete version because the following aliases reference it: [live]")
		answered := make(chan string)
		go func() { answered <- w.ask(t, "f", "live") }()
		time.Sleep(100 * time.Millisecond)
		wantError(t, w.s.DeleteAlias("f", "live"), "<nil>")
		wantError(t, w.s.DeleteVersion("f", "1"), "<nil>")
		got := []string{<-answered, w.ask(t, "f", "1")}
		w.s.SetCode(cfg, Code{Digest: "1"})
		got = append(got, w.ask(t, "f", "live"))
		want := []string{"1 1 on-demand f:live", "ResourceNotFoundException: Function not found: " + arnOfF + ":1", "1 2 on-demand f:live"}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

// The size of code that came in no package is found out when somebody asks, and not before.
func TestCodeSizeIsMeasuredWhenAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, tellsItself)
		asked := 0
		cfg := w.fn("f", nil)
		w.s.SetCode(cfg, Code{Digest: "2", Measure: func() int64 {
			asked++
			return 100
		}})
		w.publish(t, "f")
		w.ask(t, "f", "1")
		if err := w.s.Enqueue(&Invocation{Function: "f", Payload: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
		d, err := w.s.Describe("f", "1")
		if err != nil || asked != 0 {
			t.Errorf("measured %d times before anybody asked, %v", asked, err)
		}
		if n, total := d.CodeSize(), w.s.Account().TotalCodeSize; n != 100 || total != 200 {
			t.Errorf("CodeSize %d, TotalCodeSize %d", n, total)
		}
	})
}
