package fleet

import "math"

// Span is a range of times, both ends included, from which one is drawn with equal chances. The zero value is none.
type Span struct{ Min, Max Time }

// Lifetimes draw, for each environment, how long it may be idle and how old it may become. What is drawn depends on Seed, the function and how many
// environments the function has started before, and on nothing that other functions do.
type Lifetimes struct {
	Seed uint64
	// Idle is for functions whose limits set no idle timeout; zero means that Options.IdleTimeout holds.
	Idle Span
	// Age is counted from the start. An environment that is too old is stopped once it is idle; a provisioned one once its replacement is ready.
	// Zero means any age.
	Age Span
}

// AWSLifetimes is what is known of AWS, which promises nothing: idle environments end after 5 to 10 minutes, and no environment becomes older than
// about 2 hours (spec lambda.md §4.5, the design choice there).
func AWSLifetimes(seed uint64) Lifetimes {
	const minute Time = 60 * 1e9
	return Lifetimes{Seed: seed, Idle: Span{5 * minute, 10 * minute}, Age: Span{90 * minute, 120 * minute}}
}

func (s Span) ok() bool { return 0 <= s.Min && s.Min <= s.Max }

// draw takes a time of the span; random is 64 random bits.
func (s Span) draw(random uint64) Time {
	width := uint64(s.Max-s.Min) + 1
	return s.Min + Time(random%width)
}

// draw makes the life of the n-th environment of fn, which starts now.
func (l *Lifetimes) draw(now Time, fn FuncID, n uint64) life {
	out := life{expires: math.MaxInt64, heap: none}
	if l.Idle == (Span{}) && l.Age == (Span{}) {
		return out
	}
	s := newStream(l.Seed, uint64(fn), n)
	if idle := s.next(); l.Idle != (Span{}) {
		out.idleTimeout = max(1, l.Idle.draw(idle))
	}
	if age := s.next(); l.Age != (Span{}) {
		out.expires = after(now, l.Age.draw(age))
	}
	return out
}

// stream is a short sequence of random numbers of its own for each environment: SplitMix64. It costs nothing to make, so that no draw depends on
// who drew before.
type stream uint64

func newStream(seed, a, b uint64) stream {
	s := stream(seed)
	s = stream(s.next() ^ a)
	s = stream(s.next() ^ b)
	return s
}

func (s *stream) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// uniform is in the open interval (0, 1).
func (s *stream) uniform() float64 { return (float64(s.next()>>11) + 0.5) / (1 << 53) }
