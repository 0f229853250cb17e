package burst

import "time"

// Environments are the environments of all functions by state at one moment.
type Environments struct{ Starting, Idle, Busy int32 }

// Total is their number.
func (e Environments) Total() int32 { return e.Starting + e.Idle + e.Busy }

// Series is what happened in each stretch of time of BucketSeconds, from the start on. All columns are equally long.
type Series struct {
	BucketSeconds float64 `json:"bucketSeconds"`
	// Counts of what happened within each bucket. Requests count when they arrive, throttled ones too; Starts are environments, ColdStarts are
	// requests that waited for one.
	Requests   []int64 `json:"requests"`
	Starts     []int64 `json:"starts"`
	ColdStarts []int64 `json:"coldStarts"`
	Throttles  []int64 `json:"throttles"`
	Failures   []int64 `json:"failures"`
	// Environments by state, at the moment of each bucket when there were the most of them; of several such moments the one when the most were busy.
	Starting []int32 `json:"starting"`
	Idle     []int32 `json:"idle"`
	Busy     []int32 `json:"busy"`
	// MemoryMB is the most memory in use within each bucket; empty where it was not measured.
	MemoryMB []float64 `json:"memoryMB,omitempty"`
}

// Apart says how far two counts by bucket, such as the starts of a live run and of its simulation, are from each other: the largest difference of what
// they have counted so far, after any bucket, as a share of the larger one. Their buckets must be equally long. It is 0 where both count nothing.
func Apart(a, b []int64) float64 {
	apart := 0.0
	var sumA, sumB int64
	for i := range max(len(a), len(b)) {
		if i < len(a) {
			sumA += a[i]
		}
		if i < len(b) {
			sumB += b[i]
		}
		if most := max(sumA, sumB); most > 0 {
			apart = max(apart, float64(most-min(sumA, sumB))/float64(most))
		}
	}
	return apart
}

// bucket is one stretch of time.
type bucket struct {
	requests, starts, cold, throttles, failures int64
	most                                        Environments
	memory                                      float64
}

func (b *bucket) merge(o bucket) {
	b.requests += o.requests
	b.starts += o.starts
	b.cold += o.cold
	b.throttles += o.throttles
	b.failures += o.failures
	b.most.top(o.most)
	b.memory = max(b.memory, o.memory)
}

// top takes over a moment that there were more.
func (e *Environments) top(o Environments) {
	if more := o.Total() - e.Total(); more > 0 || more == 0 && o.Busy > e.Busy {
		*e = o
	}
}

func (e *Environments) raise(o Environments) {
	e.Starting, e.Idle, e.Busy = max(e.Starting, o.Starting), max(e.Idle, o.Idle), max(e.Busy, o.Busy)
}

// series keeps at most size buckets: where time goes beyond them, each two become one, and from then on a bucket is twice as long.
type series struct {
	buckets  []bucket
	size     int
	width    time.Duration
	from, to time.Duration // of the last bucket
	now      Environments
	memory   float64
	measured bool
}

func newSeries(width time.Duration, size int) *series {
	s := &series{size: size, width: width, to: width}
	s.buckets = append(make([]bucket, 0, size), bucket{})
	return s
}

// at is the bucket of a moment, which may lie in the past.
func (s *series) at(t time.Duration) *bucket {
	if t >= s.from && t < s.to {
		return &s.buckets[len(s.buckets)-1]
	}
	for t >= time.Duration(s.size)*s.width {
		s.halve()
	}
	i := int(max(0, t) / s.width)
	for len(s.buckets) <= i {
		s.buckets = append(s.buckets, bucket{most: s.now, memory: s.memory})
	}
	s.bounds()
	return &s.buckets[i]
}

func (s *series) bounds() {
	s.from = time.Duration(len(s.buckets)-1) * s.width
	s.to = s.from + s.width
}

func (s *series) halve() {
	half := (len(s.buckets) + 1) / 2
	for i := range half {
		b := s.buckets[2*i]
		if 2*i+1 < len(s.buckets) {
			b.merge(s.buckets[2*i+1])
		}
		s.buckets[i] = b
	}
	s.buckets = s.buckets[:half]
	s.width *= 2
	s.bounds()
}

func (s *series) environments(t time.Duration, e Environments) {
	b := s.at(t)
	s.now = e
	b.most.top(e)
}

func (s *series) memoryInUse(t time.Duration, megabytes float64) {
	b := s.at(t)
	s.memory, s.measured = megabytes, true
	b.memory = max(b.memory, megabytes)
}

func (s *series) report() Series {
	out := Series{BucketSeconds: s.width.Seconds()}
	for _, b := range s.buckets {
		out.Requests = append(out.Requests, b.requests)
		out.Starts = append(out.Starts, b.starts)
		out.ColdStarts = append(out.ColdStarts, b.cold)
		out.Throttles = append(out.Throttles, b.throttles)
		out.Failures = append(out.Failures, b.failures)
		out.Starting = append(out.Starting, b.most.Starting)
		out.Idle = append(out.Idle, b.most.Idle)
		out.Busy = append(out.Busy, b.most.Busy)
		if s.measured {
			out.MemoryMB = append(out.MemoryMB, b.memory)
		}
	}
	return out
}
