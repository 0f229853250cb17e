package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"example.com/emulate/emulator/telemetry"
)

// controlPath is where the emulator's own controls are, on the port of the AWS endpoint.
const controlPath = "/_emulate/"

// controls are JSON over HTTP: status says what is served and how busy it is; events is the stream of what happens, as the lines of --json; cold
// stops warm environments.
func (e *Emulator) controls() http.Handler {
	r := mux.NewRouter().SkipClean(true).UseEncodedPath()
	r.HandleFunc(controlPath+"status", e.status).Methods(http.MethodGet)
	r.HandleFunc(controlPath+"events", e.eventStream).Methods(http.MethodGet)
	r.HandleFunc(controlPath+"cold", e.cold).Methods(http.MethodPost)
	r.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "no such control: there are GET " + controlPath + "status and " + controlPath + "events, and POST " + controlPath + "cold"})
	})
	r.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusMethodNotAllowed, map[string]string{"error": r.Method + " is not a method of this control"})
	})
	return r
}

func (e *Emulator) status(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"project": e.served(), "functions": e.Stats(), "routes": e.Routes()})
}

// cold takes {"function": name or "" for all, "count": how many, all where it is missing or 0}, and answers {"stopped": n}.
func (e *Emulator) cold(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Function string `json:"function"`
		Count    int    `json:"count"`
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err == nil && len(body) > 0 {
		err = decodeExactly(body, &in)
	}
	if err != nil || in.Count < 0 {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": `the body is {"function": "NAME", "count": N}; without a function, or a count, it is all`})
		return
	}
	if in.Count == 0 {
		in.Count = -1
	}
	taken, err := e.Cold(in.Function, in.Count)
	if err != nil {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]int{"stopped": taken})
}

// decodeExactly reads one JSON value that has no members but v's. A misspelt one must not be taken for one that is left out.
func decodeExactly(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one value")
	}
	return nil
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
