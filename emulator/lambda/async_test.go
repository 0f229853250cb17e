package lambda

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator/config"
)

// What the file sets for events can be seen, replaced and deleted by the API, until the file sets something else.
func TestAsyncConfigOfTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log notes
		w := newWorld(t, Options{Log: log.add}, func(Spec, int) behaviour { return behaviour{initError: "{}"} })
		zero, one, age := 0, 1, 100*time.Second
		cfg := w.fn("f", func(f *config.Function) { f.MaximumRetryAttempts, f.MaximumEventAge = &zero, age })
		show := func(qualifier string) string {
			c, err := w.s.Async("f", qualifier)
			if err != nil {
				return err.(*Error).Name
			}
			return fmt.Sprint(c.ARN[len(arnOfF):], " ", *c.MaximumRetryAttempts, " ", c.MaximumEventAge)
		}
		attempts := func() uint64 {
			before := w.s.Stats()[0].Invocations
			if err := w.s.Enqueue(&Invocation{Function: "f", Payload: []byte("{}")}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			return w.s.Stats()[0].Invocations - before
		}
		if c, err := w.s.Async("f", ""); err != nil || *c.MaximumRetryAttempts != 0 || *c.MaximumEventAge != age || c.LastModified.IsZero() {
			t.Errorf("%+v %v", c, err)
		}
		if n := attempts(); n != 1 {
			t.Errorf("%d attempts, the file allows no retry", n)
		}
		day := 6 * time.Hour
		if _, err := w.s.ConfigureAsync("f", "", AsyncConfig{MaximumEventAge: &day}, false); err != nil {
			t.Fatal(err)
		}
		w.s.SetCode(cfg, Code{Digest: "2"})
		if n := attempts(); n != 3 {
			t.Errorf("%d attempts: Put forgets what it does not name, 2 retries are AWS's default", n)
		}
		if err := w.s.DeleteAsync("f", ""); err != nil {
			t.Fatal(err)
		}
		w.s.SetCode(cfg, Code{Digest: "3"})
		got := []string{show("")}
		if _, err := w.s.ConfigureAsync("f", "", AsyncConfig{MaximumRetryAttempts: &zero}, false); err != nil {
			t.Fatal(err)
		}
		other := *cfg
		other.MaximumRetryAttempts, other.MaximumEventAge = &one, 0
		w.s.SetCode(&other, Code{Digest: "3"})
		got = append(got, show(""), fmt.Sprint(log.all()[len(log.all())-1]))
		aliased := other
		aliased.Alias = "live"
		w.s.SetCode(&aliased, Code{Digest: "3"})
		got = append(got, show(""), show("live"))
		silent := aliased
		silent.MaximumRetryAttempts = nil
		w.s.SetCode(&silent, Code{Digest: "3"})
		got = append(got, show("live"))
		const none = "ResourceNotFoundException"
		want := []string{none, ":$LATEST 1 <nil>", "the file's EventInvokeConfig of function f:$LATEST takes the place of what was set by the API", none, ":live 1 <nil>", none}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}
