package emulator

import (
	"encoding/json"
	"net/http"

	"github.com/gorilla/mux"
)

// controlPath is where the emulator's own controls are, on the port of the AWS endpoint.
const controlPath = "/_emulate/"

// controls are JSON over HTTP: status says what is served and how busy it is.
func (e *Emulator) controls() http.Handler {
	r := mux.NewRouter().SkipClean(true).UseEncodedPath()
	r.HandleFunc(controlPath+"status", e.status).Methods(http.MethodGet)
	r.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "no such control: GET " + controlPath + "status"})
	})
	r.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusMethodNotAllowed, map[string]string{"error": r.Method + " is not a method of this control"})
	})
	return r
}

func (e *Emulator) status(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"project": e.served(), "functions": e.Stats()})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody is left to tell
}
