package gateway

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"testing"

	"example.com/emulate/emulator/lambda"
	"example.com/emulate/emulator/telemetry"
)

// nullWriter is a ResponseWriter that costs next to nothing.
type nullWriter struct {
	h      http.Header
	status int
}

func (w *nullWriter) Header() http.Header         { return w.h }
func (w *nullWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w *nullWriter) WriteHeader(status int)      { w.status = status }

type nullEmitter struct{}

func (nullEmitter) Emit(telemetry.Event) {}

type constant struct{ result lambda.Result }

func (c *constant) Invoke(context.Context, *lambda.Invocation) (*lambda.Result, error) {
	return &c.result, nil
}

const benchRequest = "POST /dev/users/42?verbose=1&tag=a&tag=b HTTP/1.1\r\nHost: abcdefghij.execute-api.localhost:3000\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: application/json\r\nAccept-Encoding: gzip, deflate\r\n" +
	"Content-Type: application/json\r\nCookie: session=abc123; theme=dark\r\nx-request-source: bench\r\nContent-Length: 27\r\n\r\n" +
	`{"name":"Ada","born":1815}` + " "

const benchReply = `{"statusCode":200,"headers":{"Content-Type":"application/json","Cache-Control":"no-cache"},"body":"{\"id\":42,\"name\":\"Ada\"}","isBase64Encoded":false}`

// benchGateway measures the gateway alone: head, event, reply and access record, without net/http's own work.
func benchGateway(b *testing.B, o Options) {
	o.Invoker, o.Telemetry, o.Port = &constant{lambda.Result{Payload: []byte(benchReply)}}, nullEmitter{}, 3000
	o.APIs[0].ID = "abcdefghij"
	g, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	c := &conn{}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader([]byte(benchRequest))))
	if err != nil {
		b.Fatal(err)
	}
	r = r.WithContext(ConnContext(context.Background(), c))
	r.RemoteAddr = "127.0.0.1:4711"
	body := bytes.NewReader(nil)
	r.Body = struct {
		*bytes.Reader
		nopCloser
	}{Reader: body}
	script := &scriptedConn{}
	c.Conn = script
	read := make([]byte, 4096)
	w := &nullWriter{h: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		script.input = append(script.input[:0], benchRequest...)
		c.Read(read)
		body.Reset([]byte(`{"name":"Ada","born":1815} `))
		clear(w.h)
		g.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			b.Fatal(w.status)
		}
	}
}

type nopCloser struct{}

func (nopCloser) Close() error { return nil }

func BenchmarkREST(b *testing.B) {
	benchGateway(b, Options{APIs: apis(restAPI("GET /", "ANY /users/{id}", "ANY /{proxy+}"))})
}

func BenchmarkHTTP(b *testing.B) {
	benchGateway(b, Options{APIs: apis(httpAPI("2.0", "GET /", "ANY /dev/users/{id}", "ANY /{proxy+}"))})
}

func BenchmarkHTTPv1(b *testing.B) {
	benchGateway(b, Options{APIs: apis(httpAPI("1.0", "GET /", "ANY /dev/users/{id}", "ANY /{proxy+}"))})
}

// BenchmarkRawHead measures what the connection adds to a read.
func BenchmarkRawHead(b *testing.B) {
	c := &conn{}
	script := &scriptedConn{}
	c.Conn = script
	read := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		script.input = append(script.input[:0], benchRequest...)
		c.Read(read)
		c.drop(1)
	}
}

func BenchmarkReply(b *testing.B) {
	var list []header
	b.ReportAllocs()
	for b.Loop() {
		a, err := restAnswer([]byte(benchReply), list[:0], false)
		if err != nil {
			b.Fatal(err)
		}
		list = a.headers
	}
}

// BenchmarkLoopback measures whole requests over one kept connection, of a handler that only reads the body and writes the fixed answer, and of the
// gateway: their difference is what the gateway costs.
func BenchmarkLoopback(b *testing.B) {
	fixed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"id":42,"name":"Ada"}`)
	})
	c := restAPI("ANY /{proxy+}")
	g, err := New(Options{APIs: apis(c), Invoker: &constant{lambda.Result{Payload: []byte(benchReply)}}, Telemetry: nullEmitter{}, Port: 3000})
	if err != nil {
		b.Fatal(err)
	}
	for name, h := range map[string]http.Handler{"fixed": fixed, "gateway": g} {
		b.Run(name, func(b *testing.B) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			srv := &http.Server{Handler: h}
			served := ln
			if name == "gateway" {
				srv, served = NewServer(h), Listener(ln)
			}
			go srv.Serve(served)
			defer srv.Close()
			conn, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			answer := make([]byte, 4096)
			for b.Loop() {
				if _, err := io.WriteString(conn, benchRequest); err != nil {
					b.Fatal(err)
				}
				if _, err := conn.Read(answer); err != nil {
					b.Fatal(err)
				}
			}
			if !bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) {
				b.Fatalf("%s", answer)
			}
		})
	}
}
