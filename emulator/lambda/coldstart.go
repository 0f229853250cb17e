package lambda

import (
	"time"

	"example.com/emulate/emulator/fleet"
)

// ColdStart is what a cold start of some code costs on AWS. It comes on top of what this machine really does: the sandbox and the download before the
// process exists, where only the caller's latency shows them; the rest of INIT at its end, so that it is in Init Duration, and is billed.
type ColdStart struct {
	// Row of AWS's cold starts, and the code's size.
	Row     fleet.ColdStart
	Package fleet.Package
	// Alone and Crowded are what INIT of a hello-world function of the same runtime takes here: one start at a time, and as many as there are start
	// slots. Zero is not known.
	Alone, Crowded Hello
}

// Hello is how long INIT of a hello-world function takes on this machine.
type Hello struct {
	// Median of some starts; High is what few take longer than.
	Median, High time.Duration
}

// at is what a hello-world function would take where load, 0 to 1, says how many of the start slots others hold.
func (c *ColdStart) at(load float64) Hello {
	between := func(a, b time.Duration) time.Duration { return a + time.Duration(load*float64(b-a)) }
	return Hello{between(c.Alone.Median, c.Crowded.Median), between(c.Alone.High, c.Crowded.High)}
}

// rest is how much longer an INIT has to last that has taken own, busy of that without its waiting for a CPU, so that a hello-world function takes what
// was drawn, and a heavier one longer by its own work: what busy is above this machine's hello world. What lies within that one's spread is no work of
// the function's.
//
// It is negative where hello world takes longer here than what was drawn: then INIT is over when it is over, and what is too much of it is this
// machine's slowness, which Lambda's numbers leave out. Where hello world was not measured, INIT takes at least what was drawn.
func (c *ColdStart) rest(drawn, own, busy time.Duration, load float64) time.Duration {
	if c.Alone.Median == 0 {
		return max(0, drawn-own)
	}
	hello := c.at(load)
	work := time.Duration(0)
	if busy > hello.High {
		work = busy - hello.Median
	}
	return drawn + work - own
}

// delay is what one environment's cold start gets.
type delay struct {
	cold   *ColdStart
	before time.Duration // the process exists
	init   time.Duration // as drawn
	load   float64       // of the start slots when INIT began
	rest   time.Duration // of INIT, after its first poll; negative where the machine took too long
}

// drawDelay draws for the function's next environment. The n-th draw depends on the seed, the function's name and n alone. Service.mu is held.
func (s *Service) drawDelay(f *Function, c *ColdStart) delay {
	n := f.started
	f.started++
	if c == nil {
		return delay{}
	}
	d := fleet.NewColdStartSampler(s.o.Seed, f.cfg.Name, c.Row, c.Package).Draw(n)
	return delay{cold: c, before: time.Duration(d.Sandbox + d.Download), init: time.Duration(d.Init)}
}

// StartSlots is how many environments may start at the same time on this machine.
func (s *Service) StartSlots() int { return cap(s.slots) }

// slotLoad is the share of the start slots that others hold, seen by one who holds one.
func (s *Service) slotLoad() float64 {
	return float64(max(0, len(s.slots)-1)) / float64(cap(s.slots)-1)
}

// sandboxDelay passes the time that AWS takes before the process exists, which is not this machine's slowness. It ends early where the environment has
// to stop.
func (e *Environment) sandboxDelay() {
	d := e.delay.before
	if d <= 0 {
		return
	}
	e.pause(d)
	e.s.mu.Lock()
	e.decided = e.decided.Add(d)
	e.s.mu.Unlock()
}

// pause says whether d has passed, and the environment has not been told to stop.
func (e *Environment) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-e.ctx.Done():
		return false
	}
}

// lengthen keeps INIT of inst, which has polled, going for as long as AWS's would have: then it returns nil, and the environment is made ready by another
// goroutine. Service.mu is held.
func (e *Environment) lengthen(inst Instance) Instance {
	if inst == nil || e.delay.cold == nil {
		return inst
	}
	e.s.wg.Go(func() {
		if left := e.restOf(inst); left <= 0 || e.pause(left) {
			e.ready(inst)
		}
	})
	return nil
}

// restOf notes how much longer INIT of inst has to last from its first poll on, and returns what is left of that.
func (e *Environment) restOf(inst Instance) time.Duration {
	var ran, waited time.Duration
	known := false
	if w, ok := inst.(CPUWaiter); ok {
		ran, waited, known = w.CPUWait()
	}
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	if e.phase != initializing || e.launched != inst {
		return 0
	}
	d := &e.delay
	own := e.polled.Sub(e.exists)
	busy, load := own, d.load
	if known { // what others have taken; threads that waited at the same time count twice, but one that ran did not wait
		busy, load = min(own, max(own-waited, ran)), 0
	}
	d.rest = d.cold.rest(d.init, own, busy, load)
	e.fn.counts.WaitedForMachine += max(0, -d.rest)
	return time.Until(e.polled.Add(d.rest))
}
