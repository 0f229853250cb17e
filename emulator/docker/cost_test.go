package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
)

// Fifty calls at once need fifty connections, and the next fifty use them again.
func TestBurstsUseConnectionsAgain(t *testing.T) {
	mux := newMux("1.41")
	var mu sync.Mutex
	in, most := 0, 0
	all := sync.NewCond(&mu)
	mux.HandleFunc("/v1.41/containers/create", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		in++
		most = max(most, in)
		all.Broadcast()
		for most < 50 { // none is answered before all have come
			all.Wait()
		}
		in--
		io.WriteString(w, `{"Id":"c1"}`)
	})
	host := fakeEngine(t, mux)
	e := connectTo(t, host)
	dialed := 0
	inner := e.dial.open
	e.dial.through = func(ctx context.Context) (net.Conn, error) {
		mu.Lock()
		dialed++
		mu.Unlock()
		return inner(ctx)
	}
	for range 4 {
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				if _, err := e.Create(t.Context(), Spec{Image: "app:1"}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
	if most != 50 || dialed > 55 {
		t.Errorf("%d at once, %d connections", most, dialed)
	}
}

// BenchmarkCall is Create and Start through Docker's client and by bare HTTP, against an engine that answers at once: what the client costs.
func BenchmarkCall(b *testing.B) {
	mux := newMux("1.41")
	mux.HandleFunc("/v1.41/containers/create", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(201)
		io.WriteString(w, `{"Id":"4c01db0b339c8a0f0c6a5d2f4b0c7d6e4c01db0b339c8a0f0c6a5d2f4b0c7d6e","Warnings":[]}`)
	})
	mux.HandleFunc("/v1.41/containers/{id}/start", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) })
	e := connectTo(b, fakeEngine(b, mux))
	benchmarkStarts(b, e, Spec{Image: "app:1", Env: []string{"A=1"}, Labels: ours})
}

// BenchmarkEngine is the same against the real engine: one container, and fifty at once.
func BenchmarkEngine(b *testing.B) {
	e, image := theEngine(b)
	defer e.Sweep(context.Background(), ours, func(o Owned) bool { return o.Kind == OwnedContainer })
	benchmarkStarts(b, e, Spec{Image: image, Cmd: []string{"exit", "0"}, Network: "none", Labels: ours, AutoRemove: true})
}

func benchmarkStarts(b *testing.B, e *Engine, s Spec) {
	ctx := context.Background()
	client := func() error {
		id, err := e.Create(ctx, s)
		if err != nil {
			return err
		}
		return e.Start(ctx, id)
	}
	d := newDialer(e.dial.at)
	bare := &http.Client{Transport: d.transport()}
	defer bare.CloseIdleConnections()
	body, err := json.Marshal(struct {
		Image      string
		Cmd, Env   []string
		Labels     map[string]string
		HostConfig map[string]any
	}{s.Image, s.Cmd, s.Env, s.Labels, map[string]any{"NetworkMode": s.Network, "AutoRemove": s.AutoRemove}})
	if err != nil {
		b.Fatal(err)
	}
	raw := func() error {
		resp, err := bare.Post("http://engine/v"+e.info.APIVersion+"/containers/create", "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		var made struct{ Id string }
		err = json.NewDecoder(resp.Body).Decode(&made)
		resp.Body.Close()
		if err != nil {
			return err
		}
		resp, err = bare.Post("http://engine/v"+e.info.APIVersion+"/containers/"+made.Id+"/start", "application/json", nil)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	for name, call := range map[string]func() error{"client": client, "bare": raw} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := call(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"50", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var group sync.WaitGroup
				for range 50 {
					group.Go(func() {
						if err := call(); err != nil {
							b.Error(err)
						}
					})
				}
				group.Wait()
			}
		})
	}
}

// What an engine and an attached container hold in memory.
func BenchmarkMemory(b *testing.B) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	e, _ := theEngine(b)
	const n = 20
	before := heap()
	for range n {
		connectTo(b, e.info.Address).api.Close()
	}
	b.ReportMetric(float64(int64(heap())-int64(before))/n, "B/engine")
	var ids []string
	for range n {
		ids = append(ids, create(b, e, Spec{Cmd: []string{"wait"}, OpenStdin: true}))
	}
	e.api.Close()
	before = heap()
	streams := make([]*Stream, n)
	for i, id := range ids {
		var err error
		if streams[i], err = e.Attach(b.Context(), id); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(int64(heap())-int64(before))/n, "B/stream")
	for _, s := range streams {
		s.Close()
	}
}
