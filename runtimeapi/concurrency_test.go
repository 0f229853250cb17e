package runtimeapi

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestManyConnections lets many clients do legal and illegal things at once; every invocation is answered exactly once, and the race detector
// looks on.
func TestManyConnections(t *testing.T) {
	answers := make(map[string]int) // guarded by mu
	var mu sync.Mutex
	var n int
	var s *Server
	deliver := func() {
		mu.Lock()
		n++
		id := fmt.Sprint(n)
		mu.Unlock()
		s.Deliver(&Event{RequestID: id, Payload: []byte(id)})
	}
	s = start(t, ownerFuncs{
		polled: func(int) { deliver() },
		responded: func(id string, r Response) {
			mu.Lock()
			defer mu.Unlock()
			answers[id]++
		},
	})
	var wg sync.WaitGroup
	for i := range 16 {
		c := dial(t, s)
		wg.Go(func() {
			for j := range 200 {
				if (i+j)%7 == 0 {
					c.send(respond(fmt.Sprint(j), "guess"))
					c.answer("POST")
				}
				c.send(getNext)
				// Deliver refuses while another invocation runs, so this one may have to be delivered when that has ended.
				for {
					if err := c.nc.SetReadDeadline(time.Now().Add(2 * time.Millisecond)); err != nil {
						t.Error(err)
						return
					}
					_, err := c.r.Peek(1)
					if err == nil {
						break
					}
					s.Expire(fmt.Sprint(j))
					deliver()
				}
				if err := c.nc.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
					t.Error(err)
					return
				}
				status, id := c.answer("GET")
				if status == 200 {
					c.send(respond(id, id))
					c.answer("POST")
				}
			}
		})
	}
	wg.Wait()
	if len(answers) == 0 {
		t.Fatal("nothing was answered")
	}
	for id, n := range answers {
		if n != 1 {
			t.Errorf("invocation %s was answered %d times", id, n)
		}
	}
}

// ownerFuncs is an Owner made of functions; nil ones do nothing.
type ownerFuncs struct {
	polled, abandoned func(int)
	responded         func(string, Response)
	initFailed        func(Response)
}

func (o ownerFuncs) Polled(free int) {
	if o.polled != nil {
		o.polled(free)
	}
}

func (o ownerFuncs) Abandoned(free int) {
	if o.abandoned != nil {
		o.abandoned(free)
	}
}

func (o ownerFuncs) Responded(id string, r Response) {
	if o.responded != nil {
		o.responded(id, r)
	}
}

func (o ownerFuncs) InitFailed(r Response) {
	if o.initFailed != nil {
		o.initFailed(r)
	}
}
