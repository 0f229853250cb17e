package burst

import (
	"iter"
	"math"
	"slices"
	"time"
)

// Shape is when the requests of a load are meant to be sent: offsets from its beginning, in order. It may be walked more than once.
type Shape iter.Seq[time.Duration]

// AtOnce is n requests at the same moment.
func AtOnce(n int) Shape {
	return func(yield func(time.Duration) bool) {
		for range n {
			if !yield(0) {
				return
			}
		}
	}
}

// Rate is a steady number of requests per second, for d.
func Rate(perSecond float64, d time.Duration) Shape { return Ramp(perSecond, perSecond, d) }

// Ramp goes evenly from one number of requests per second to another, over d.
func Ramp(from, to float64, d time.Duration) Shape { return stretches(stretch{from, to, d}) }

// stretch is a time in which the rate, in requests per second, goes in a straight line.
type stretch struct {
	from, to float64
	d        time.Duration
}

// stretches follow each other: the part of a request that is due at the end of one is so at the beginning of the next.
func stretches(list ...stretch) Shape {
	return func(yield func(time.Duration) bool) {
		due, start := 0.0, time.Duration(0)
		for _, s := range list {
			total := (s.from + s.to) / 2 * s.d.Seconds()
			for ; !Sent(due, total); due++ {
				if !yield(start + s.when(due)) {
					return
				}
			}
			due, start = max(0, due-total), start+s.d
		}
	}
}

// when is the time after which n requests were sent, of which there are from*t + slope*t²/2 by the time t.
func (s stretch) when(n float64) time.Duration {
	slope := (s.to - s.from) / s.d.Seconds()
	t := n / s.from
	if slope != 0 {
		t = (math.Sqrt(max(0, s.from*s.from+2*slope*n)) - s.from) / slope
	}
	return time.Duration(t * float64(time.Second))
}

// Sent says whether n requests are all of a stretch of time in which total are due, which is a rate times a time and so not exact: the request that
// falls on its end belongs to what comes after it.
func Sent(n, total float64) bool { return !(n < total-1e-9-1e-12*total) }

// Spike is a steady rate with a peak in its middle that lasts a tenth of the time.
func Spike(base, peak float64, d time.Duration) Shape {
	before := d * 45 / 100
	during := d / 10
	return stretches(stretch{base, base, before}, stretch{peak, peak, during}, stretch{base, base, d - before - during})
}

// Then puts one shape behind another, which begins at the offset at.
func Then(first Shape, at time.Duration, next Shape) Shape {
	return func(yield func(time.Duration) bool) {
		for t := range first {
			if !yield(t) {
				return
			}
		}
		for t := range next {
			if !yield(at + t) {
				return
			}
		}
	}
}

// Times is a recorded sequence of moments. It is sorted where it is not in order.
func Times(at []time.Duration) Shape {
	at = slices.Sorted(slices.Values(at))
	return Shape(slices.Values(at))
}
