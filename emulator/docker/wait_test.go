package docker

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"
)

func TestWait(t *testing.T) {
	e, _ := theEngine(t)
	for _, c := range []struct {
		name string
		spec Spec
	}{{"kept", Spec{Cmd: []string{"wait"}}}, {"removed at its end", Spec{Cmd: []string{"wait"}, AutoRemove: true}}} {
		t.Run(c.name, func(t *testing.T) {
			id := create(t, e, c.spec)
			s, err := e.Attach(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			type result struct {
				code int
				err  error
			}
			results := make(chan result)
			for _, name := range []string{id, id, short(id)} { // before it runs, and by a short id
				go func() {
					code, err := e.Wait(context.Background(), name)
					results <- result{code, err}
				}()
			}
			if err := e.Start(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			io.ReadFull(s, make([]byte, len("waiting\n")))
			if err := e.Kill(t.Context(), id, "SIGTERM"); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if r := <-results; r.err != nil || r.code != 7 {
					t.Errorf("code %d, %v", r.code, r.err)
				}
			}
		})
	}
	ended := start(t, e, Spec{Cmd: []string{"exit", "4"}})
	for range 2 {
		if code, err := e.Wait(t.Context(), ended); code != 4 || err != nil {
			t.Errorf("code %d, %v", code, err)
		}
	}
}

func TestWaitForWhatNeverRan(t *testing.T) {
	e, _ := theEngine(t)
	_, err := e.Wait(t.Context(), "nobody")
	wantKind(t, err, NotFound, "nobody")
	id := create(t, e, Spec{})
	done := make(chan error)
	go func() {
		_, err := e.Wait(context.Background(), id)
		done <- err
	}()
	if err := e.Remove(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	wantKind(t, <-done, NotFound)
}

// An engine that goes away is told to all who wait, and those who wait when it is back are served.
func TestWaitWhenTheEngineGoes(t *testing.T) {
	real, _ := theEngine(t)
	p := newProxy(t, listen(t), nil)
	e := connectTo(t, "tcp://"+p.l.Addr().String())
	id := start(t, real, Spec{Cmd: []string{"wait"}})
	done := make(chan error)
	for range 3 {
		go func() {
			_, err := e.Wait(context.Background(), id)
			done <- err
		}()
	}
	for begun := false; !begun; {
		e.ends.mu.Lock()
		begun = e.ends.stream != nil && len(e.ends.stream.waiters) == 3
		if begun {
			select {
			case <-e.ends.stream.ready:
			default:
				begun = false
			}
		}
		e.ends.mu.Unlock()
	}
	p.cut()
	for range 3 {
		err := <-done
		wantKind(t, err, Stopped)
		if !Unavailable(err) {
			t.Errorf("not unavailable: %v", err)
		}
	}
	go func() {
		code, err := e.Wait(context.Background(), id)
		if code != 137 {
			t.Errorf("code %d", code)
		}
		done <- err
	}()
	if err := real.Kill(t.Context(), id, "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Podman tells its own word for the end and for the exit code; an engine that tells no code is asked.
func TestEventsOfOtherEngines(t *testing.T) {
	for name, c := range map[string]struct {
		event string
		later string
		code  int
	}{
		"podman":  {`{"Type":"container","Action":"died","Actor":{"ID":"c1","Attributes":{"containerExitCode":"5"}}}`, `{"Id":"c1","State":{"Status":"running"}}`, 5},
		"no code": {`{"Type":"container","Action":"die","Actor":{"ID":"c1","Attributes":{}}}`, `{"Id":"c1","State":{"Status":"exited","ExitCode":6}}`, 6},
	} {
		t.Run(name, func(t *testing.T) {
			mux := newMux("1.41")
			var mu sync.Mutex
			asked := 0
			mux.HandleFunc("/v1.41/containers/c1/json", func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				if asked++; asked > 2 { // before the events and after their beginning it runs
					io.WriteString(w, c.later)
					return
				}
				io.WriteString(w, `{"Id":"c1","State":{"Status":"running"}}`)
			})
			mux.HandleFunc("/v1.41/events", func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, c.event)
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			})
			e := connectTo(t, fakeEngine(t, mux))
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			if code, err := e.Wait(ctx, "c1"); code != c.code || err != nil {
				t.Errorf("code %d, %v", code, err)
			}
		})
	}
}
