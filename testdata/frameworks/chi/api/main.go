// Command bootstrap serves a small API with chi, through aws-lambda-go-api-proxy: payload 1.0 from the REST API, 2.0 from the HTTP API.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	chiadapter "github.com/awslabs/aws-lambda-go-api-proxy/chi"
	"github.com/go-chi/chi/v5"
)

func router() *chi.Mux {
	r := chi.NewRouter()
	r.Get("/cookies", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
		answer(w, map[string]any{"got": strings.Join(r.Header["Cookie"], "; ")}) // the adapter makes a line of each cookie
	})
	r.Get("/session", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Set-Cookie", "sid=abc; Path=/; Expires=Wed, 21 Oct 2037 07:28:00 GMT; HttpOnly")
		w.Header().Add("Set-Cookie", "seen=1; Path=/; Max-Age=60")
		w.WriteHeader(http.StatusNoContent)
	})
	r.Get("/query", func(w http.ResponseWriter, r *http.Request) { answer(w, map[string]any{"x": r.URL.Query()["x"]}) })
	r.Get("/path/{name}", func(w http.ResponseWriter, r *http.Request) {
		name := chi.URLParam(r, "name")
		if r.URL.RawPath != "" { // then the router matched it, and not the decoded path
			var err error
			if name, err = url.PathUnescape(name); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
		}
		answer(w, map[string]any{"name": name})
	})
	r.Get("/headers", func(w http.ResponseWriter, r *http.Request) {
		w.Header()["X-Multi"] = []string{"one", "two"}
		answer(w, map[string]any{"in": strings.Join(r.Header["X-In"], ",")})
	})
	r.Post("/json", func(w http.ResponseWriter, r *http.Request) {
		var v any
		if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer(w, v)
	})
	r.Put("/item/{id}", item)
	r.Patch("/item/{id}", item)
	r.Delete("/item/{id}", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	r.Post("/bytes", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		if _, err := io.Copy(w, r.Body); err != nil {
			fmt.Println("copy:", err)
		}
	})
	r.Get("/gzip", compressed)
	r.Get("/large", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, strings.Repeat("x", 1_000_000)) })
	r.Post("/form", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{"name": r.PostFormValue("name")})
	})
	r.Get("/redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) })
	r.Get("/teapot", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "short and stout")
	})
	r.Get("/boom", func(http.ResponseWriter, *http.Request) { panic("boom") })
	return r
}

func item(w http.ResponseWriter, r *http.Request) {
	answer(w, map[string]any{"method": r.Method, "id": chi.URLParam(r, "id")})
}

func compressed(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte("small when wet"))
	z.Close()
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Encoding", "gzip")
	if _, err := w.Write(b.Bytes()); err != nil {
		fmt.Println("write:", err)
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		fmt.Println("answer:", err)
	}
}

func main() {
	v1, v2 := chiadapter.New(router()), chiadapter.NewV2(router())
	lambda.Start(func(ctx context.Context, event json.RawMessage) (any, error) {
		var version struct{ Version string }
		if err := json.Unmarshal(event, &version); err != nil {
			return nil, err
		}
		if version.Version == "2.0" {
			var r events.APIGatewayV2HTTPRequest
			if err := json.Unmarshal(event, &r); err != nil {
				return nil, err
			}
			return v2.ProxyWithContextV2(ctx, r)
		}
		var r events.APIGatewayProxyRequest
		if err := json.Unmarshal(event, &r); err != nil {
			return nil, err
		}
		return v1.ProxyWithContext(ctx, r)
	})
}
