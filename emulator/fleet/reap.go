package fleet

import "math"

// reapAt is when the pool's least recently used environment will have been idle for its timeout; the end of time where none is idle.
func (p *pool) reapAt(f *Fleet) Time {
	if p.idle.n == 0 {
		return math.MaxInt64
	}
	return after(f.envs[p.idle.tail].idleSince, p.fn.limits.IdleTimeout)
}

// reapHeap is a binary heap of pools by wakeAt, each of which knows its place. A pool enters when its first environment becomes idle and is
// looked at again only at wakeAt, however often its environments are used in between: wakeAt is early at times, but never late.
type reapHeap []*pool

func (h *reapHeap) push(p *pool, at Time) {
	p.wakeAt, p.heap = at, int32(len(*h))
	*h = append(*h, p)
	h.up(p.heap)
}

// fix gives the pool at the top another time, or takes it out where none of its environments is idle any more.
func (h *reapHeap) fix(p *pool, at Time) {
	if p.idle.n == 0 {
		h.remove(p)
		return
	}
	p.wakeAt = at
	h.down(p.heap)
}

func (h *reapHeap) remove(p *pool) {
	if p.heap == none {
		return
	}
	i, last := p.heap, int32(len(*h)-1)
	h.swap(i, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	p.heap = none
	if i < last {
		h.down(i)
		h.up(i)
	}
}

func (h reapHeap) up(i int32) {
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].wakeAt <= h[i].wakeAt {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h reapHeap) down(i int32) {
	for {
		child := 2*i + 1
		if child >= int32(len(h)) {
			return
		}
		if right := child + 1; right < int32(len(h)) && h[right].wakeAt < h[child].wakeAt {
			child = right
		}
		if h[i].wakeAt <= h[child].wakeAt {
			return
		}
		h.swap(i, child)
		i = child
	}
}

func (h reapHeap) swap(i, j int32) {
	h[i], h[j] = h[j], h[i]
	h[i].heap, h[j].heap = i, j
}
