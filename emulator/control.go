package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"example.com/emulate/emulator/telemetry"
)

// controlPath is where the emulator's own controls are, on the port of the AWS endpoint.
const controlPath = "/_emulate/"

// controls are JSON over HTTP: status says what is served and how busy it is; events is the stream of what happens, as the lines of --json.
func (e *Emulator) controls() http.Handler {
	r := mux.NewRouter().SkipClean(true).UseEncodedPath()
	r.HandleFunc(controlPath+"status", e.status).Methods(http.MethodGet)
	r.HandleFunc(controlPath+"events", e.eventStream).Methods(http.MethodGet)
	r.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "no such control: there are GET " + controlPath + "status and " + controlPath + "events"})
	})
	r.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusMethodNotAllowed, map[string]string{"error": r.Method + " is not a method of this control"})
	})
	return r
}

func (e *Emulator) status(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"project": e.served(), "functions": e.Stats(), "routes": e.Routes()})
}

// How many events may wait for a client of the event stream, and how long a line waits for company.
const (
	eventBacklog = 1 << 16
	eventDelay   = 20 * time.Millisecond
)

// eventStream sends what happens from now on, a line of --json each. A client that is too slow loses events, and is told how many in a line of type
// "dropped". It ends when the client goes, or the emulator.
func (e *Emulator) eventStream(w http.ResponseWriter, r *http.Request) {
	tap := e.stream.Tap(eventBacklog)
	defer tap.Close()
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := http.NewResponseController(w)
	if out.Flush() != nil {
		return
	}
	tick := time.NewTicker(eventDelay)
	defer tick.Stop()
	var buf []byte
	var told uint64
	for {
		select {
		case ev, open := <-tap.C:
			if !open {
				_, _ = w.Write(buf)
				return
			}
			buf = telemetry.AppendLine(buf, ev)
			if len(buf) < 1<<16 {
				continue
			}
		case <-tick.C:
			if n := tap.Dropped(); n > told {
				buf = fmt.Appendf(buf, `{"type":"dropped","count":%d}`+"\n", n-told)
				told = n
			}
			if len(buf) == 0 {
				continue
			}
		case <-r.Context().Done():
			return
		case <-e.ctx.Done():
			return
		}
		if _, err := w.Write(buf); err != nil || out.Flush() != nil {
			return
		}
		buf = buf[:0]
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody is left to tell
}
