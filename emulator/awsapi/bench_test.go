package awsapi

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/emulate/emulator/lambda"
)

type nullLambda struct{ fakeLambda }

func (*nullLambda) Invoke(_ context.Context, inv *lambda.Invocation) (*lambda.Result, error) {
	inv.RequestID = testID
	return &lambda.Result{Payload: inv.Payload, ExecutedVersion: "$LATEST"}, nil
}

type discard struct{ head http.Header }

func (d *discard) Header() http.Header         { return d.head }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// BenchmarkInvoke is what the endpoint adds to one request of 1 KB, against a handler that only reads the body and writes it back.
func BenchmarkInvoke(b *testing.B) {
	body := `{"body":"` + strings.Repeat("a", 1000) + `"}`
	run := func(h http.Handler, path string) func(*testing.B) {
		return func(b *testing.B) {
			r := httptest.NewRequest("POST", "http://127.0.0.1:3001"+path, nil)
			r.ContentLength = int64(len(body))
			b.ReportAllocs()
			for b.Loop() {
				r.Body = io.NopCloser(strings.NewReader(body))
				h.ServeHTTP(&discard{http.Header{}}, r)
			}
		}
	}
	h := New(Options{Lambda: &nullLambda{}, Region: testRegion, Account: testAccount})
	b.Run("floor", run(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := make([]byte, r.ContentLength)
		_, _ = io.ReadFull(r.Body, p)
		_, _ = w.Write(p)
	}), invokeF))
	b.Run("name", run(h, invokeF))
	b.Run("arn", run(h, "/2015-03-31/functions/"+testARN+"f/invocations"))
	b.Run("router", run(h, "/2014-11-13/functions/f/invoke-async"))
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		New(Options{Lambda: &nullLambda{}, Region: testRegion, Account: testAccount})
	}
}
