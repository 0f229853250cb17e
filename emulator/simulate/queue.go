package simulate

import "time"

// event says that something happens to an environment, or that a source of requests has its next one. It is 16 bytes, so that four children of the
// heap share a cache line.
type event struct {
	at time.Duration
	id int32
	// epoch tells the environment that is meant from later ones of the same id.
	epoch uint32
}

// queue is a heap of events, four children to a parent, by time; of the same time by id, so that a run does not depend on how the heap came about.
type queue []event

func (e event) before(o event) bool { return e.at < o.at || e.at == o.at && e.id < o.id }

func (q *queue) push(e event) {
	h := append(*q, e)
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = e
	*q = h
}

func (q *queue) pop() event {
	h := *q
	top, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	*q = h
	if len(h) > 0 {
		h.down(last)
	}
	return top
}

// replace takes the first event away and puts another in.
func (q queue) replace(e event) { q.down(e) }

// down puts e in its place, from the top.
func (q queue) down(e event) {
	i := 0
	for {
		first := 4*i + 1
		if first >= len(q) {
			break
		}
		least := first
		for child := first + 1; child < min(first+4, len(q)); child++ {
			if q[child].before(q[least]) {
				least = child
			}
		}
		if !q[least].before(e) {
			break
		}
		q[i] = q[least]
		i = least
	}
	q[i] = e
}
