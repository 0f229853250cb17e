package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"example.com/emulate/emulator/fleet"
)

// Dist is a distribution of times: a log-normal one through P50 and P99, a constant (P50 alone), or Values to choose from with equal chances. The zero
// value is always 0.
type Dist struct {
	P50, P99 time.Duration
	Values   []time.Duration
	// Unknown is that nothing is said: every arrival must bring its own duration.
	Unknown bool
}

// Constant is always d.
func Constant(d time.Duration) Dist { return Dist{P50: d} }

func (d Dist) check() error {
	if d.P50 < 0 || d.P99 < 0 || d.P99 > 0 && d.P99 < d.P50 || d.P99 > 0 && d.P50 == 0 {
		return fmt.Errorf("p50 %v and p99 %v: p99 may not be less than p50, and neither may be negative", d.P50, d.P99)
	}
	if slices.ContainsFunc(d.Values, func(v time.Duration) bool { return v < 0 || v > longest }) || max(d.P50, d.P99) > longest {
		return fmt.Errorf("a time that is negative or longer than %v", longest)
	}
	return nil
}

// sampler is a distribution ready to draw from, quickly: a log-normal one is e^(mu + sigma z).
type sampler struct {
	values    []time.Duration
	constant  time.Duration
	mu, sigma float64
	unknown   bool
}

// z99 is the standard normal distribution's 99th percentile.
const z99 = 2.326

// sampler scales all that is drawn by a factor.
func (d Dist) sampler(scale float64) sampler {
	s := sampler{constant: time.Duration(float64(d.P50) * scale), unknown: d.Unknown}
	for _, v := range d.Values {
		s.values = append(s.values, time.Duration(float64(v)*scale))
	}
	if d.P99 > d.P50 && d.P50 > 0 {
		s.mu, s.sigma = math.Log(float64(d.P50)*scale), math.Log(float64(d.P99)/float64(d.P50))/z99
	}
	return s
}

func (s *sampler) draw(random *rand.Rand) time.Duration {
	switch {
	case len(s.values) > 0:
		return s.values[random.IntN(len(s.values))]
	case s.sigma > 0:
		return time.Duration(math.Min(math.Exp(s.mu+s.sigma*random.NormFloat64()), float64(longest)))
	}
	return s.constant
}

// starts draws the cold starts of one function: what the scenario gives, else what fleet's table has.
type starts struct {
	given   []Start
	sampler *fleet.ColdStartSampler
	// init and sandbox take the place of the table's where the scenario gives them.
	init, sandbox       sampler
	hasInit, hasSandbox bool
	seed, stream        uint64
	source              *rand.PCG
	random              *rand.Rand
}

// draw is the cold start of the function's n-th environment, whatever was drawn before.
func (s *starts) draw(n uint64) Start {
	if n < uint64(len(s.given)) {
		return s.given[n]
	}
	var out Start
	if s.sampler != nil {
		d := s.sampler.Draw(n)
		out = Start{Before: time.Duration(d.Sandbox + d.Download), Init: time.Duration(d.Init)}
	}
	if s.hasInit || s.hasSandbox {
		s.source.Seed(s.seed, s.stream^n<<20)
	}
	if s.hasInit {
		out.Init = s.init.draw(s.random)
	}
	if s.hasSandbox {
		out.Before = s.sandbox.draw(s.random)
	}
	return out
}
