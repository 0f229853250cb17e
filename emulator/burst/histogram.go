package burst

import (
	"math/bits"
	"time"
)

// Histogram counts latencies in buckets that grow with the value, 128 to each doubling, so that every percentile is right to within 0.4 %. Its size
// depends on the longest latency alone. The zero value is empty.
type Histogram struct {
	counts   []int64
	n        int64
	sum      float64 // ns
	min, max time.Duration
}

const (
	subBits = 7 // buckets to each doubling, as a power of two
	sub     = 1 << subBits
)

// bucketOf numbers the buckets: values below 2*sub have their own, then each doubling is split into sub.
func bucketOf(v uint64) int {
	shift := bits.Len64(v|sub) - subBits - 1
	return shift*sub + int(v>>shift)
}

// middleOf is the value in the middle of a bucket.
func middleOf(bucket int) time.Duration {
	if bucket < 2*sub {
		return time.Duration(bucket)
	}
	shift := bucket/sub - 1
	low := uint64(bucket-shift*sub) << shift
	return time.Duration(low + 1<<shift/2)
}

// Add counts one latency; a negative one counts as 0.
func (h *Histogram) Add(d time.Duration) {
	d = max(0, d)
	b := bucketOf(uint64(d))
	if b >= len(h.counts) {
		h.counts = append(h.counts, make([]int64, b+sub-len(h.counts))...)
	}
	h.counts[b]++
	if h.n == 0 || d < h.min {
		h.min = d
	}
	h.max = max(h.max, d)
	h.n++
	h.sum += float64(d)
}

// Merge adds all that other has counted.
func (h *Histogram) Merge(other *Histogram) {
	if other.n == 0 {
		return
	}
	if len(h.counts) < len(other.counts) {
		h.counts = append(h.counts, make([]int64, len(other.counts)-len(h.counts))...)
	}
	for i, n := range other.counts {
		h.counts[i] += n
	}
	if h.n == 0 || other.min < h.min {
		h.min = other.min
	}
	h.max = max(h.max, other.max)
	h.n += other.n
	h.sum += other.sum
}

// Count is how many latencies were added.
func (h *Histogram) Count() int64 { return h.n }

// Quantile is the latency that a share q of all, between 0 and 1, does not exceed; 0 where there is none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := int64(q * float64(h.n))
	rank = min(max(rank, 0), h.n-1)
	for b, n := range h.counts {
		if rank -= n; rank < 0 {
			return min(max(middleOf(b), h.min), h.max)
		}
	}
	return h.max
}

// Latency sums the histogram up.
func (h *Histogram) Latency() Latency {
	l := Latency{Count: h.n, Min: ms(h.min), Max: ms(h.max)}
	if h.n == 0 {
		return l
	}
	l.Mean = h.sum / float64(h.n) / 1e6
	l.P50, l.P90, l.P95 = ms(h.Quantile(0.50)), ms(h.Quantile(0.90)), ms(h.Quantile(0.95))
	l.P99, l.P999 = ms(h.Quantile(0.99)), ms(h.Quantile(0.999))
	return l
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
