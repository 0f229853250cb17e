package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// worker is one handler process of the floor, with a Runtime API that knows next and response and nothing else.
type worker struct {
	events  chan []byte
	answers chan []byte
}

func (w *worker) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		event, ok := <-w.events
		if !ok {
			return
		}
		rw.Header().Set("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
		rw.Header().Set("Lambda-Runtime-Deadline-Ms", "4102444800000")
		rw.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:bench")
		rw.Header().Set("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0")
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write(event)
		return
	}
	body, _ := io.ReadAll(r.Body)
	rw.WriteHeader(http.StatusAccepted)
	w.answers <- body
}

// serveFloor is the floor: one HTTP server that hands each front's fixed event (the request's own payload, for Invoke) to an idle one of n handler
// processes, and its answer's fixed body to the client. The events are read from the two files. It prints its address.
func serveFloor(handler string, n int, eventFiles []string) error {
	events := map[string][]byte{}
	for i, front := range []string{"/http/", "/rest/"} {
		data, err := os.ReadFile(eventFiles[i])
		if err != nil {
			return err
		}
		events[front] = data
	}
	idle := make(chan *worker, n)
	for range n {
		w := &worker{events: make(chan []byte), answers: make(chan []byte)}
		addr, err := listenAndServe(w)
		if err != nil {
			return err
		}
		stop, err := startHandler(handler, addr)
		if err != nil {
			return err
		}
		defer stop()
		idle <- w
	}
	addr, err := listenAndServe(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		event := events[r.URL.Path[:min(len(r.URL.Path), 6)]]
		if r.Method == http.MethodPost {
			event, _ = io.ReadAll(r.Body)
		}
		w := <-idle
		w.events <- event
		answer := <-w.answers
		idle <- w
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write(answer)
	}))
	if err != nil {
		return err
	}
	fmt.Println(addr)
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	<-ctx.Done()
	return nil
}

func listenAndServe(h http.Handler) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() { _ = http.Serve(l, h) }() // ends with the process
	return l.Addr().String(), nil
}

func startHandler(handler, addr string) (stop func(), err error) {
	p, err := os.StartProcess(handler, []string{handler}, &os.ProcAttr{
		Env:   []string{"AWS_LAMBDA_RUNTIME_API=" + addr, "AWS_LAMBDA_FUNCTION_NAME=bench", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128"},
		Files: []*os.File{nil, nil, os.Stderr},
	})
	if err != nil {
		return nil, err
	}
	return func() {
		_ = p.Kill()
		_, _ = p.Wait()
	}, nil
}

// floorCold forks and execs the handler n times, as many at once as the emulator does, and waits for the first poll of each. It prints the seconds.
func floorCold(handler string, n int) error {
	var polls sync.WaitGroup
	polls.Add(n)
	block := make(chan struct{})
	addr, err := listenAndServe(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/next") {
			polls.Done()
			<-block
		}
	}))
	if err != nil {
		return err
	}
	began := time.Now()
	stops := make([]func(), n)
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	var starters sync.WaitGroup
	var failed error
	var once sync.Once
	for range 2 * runtime.NumCPU() {
		starters.Go(func() {
			for i := range next {
				stop, err := startHandler(handler, addr)
				if err != nil {
					once.Do(func() { failed = err })
					return
				}
				stops[i] = stop
			}
		})
	}
	starters.Wait()
	if failed != nil {
		return failed
	}
	polls.Wait()
	fmt.Println(time.Since(began).Seconds())
	for _, stop := range stops {
		stop()
	}
	return nil
}
