package sandbox

import (
	"testing"
	"time"

	"example.com/emulate/emulator/lambda"
)

// More busy processes than CPUs have to wait for one: what each has run and waited is the time that has passed.
func TestCPUWait(t *testing.T) {
	p := newProcess(t, ProcessOptions{})
	p.Limits()
	var busy []lambda.Instance
	began := time.Now()
	for range 3 * len(p.host.spawner.cpus) {
		out := newRecord()
		busy = append(busy, start(t, p, spec(helperCode(t), out, "MODE", "busy")))
		out.await(t, "pid ")
	}
	for _, in := range busy {
		eventually(t, "a process that had to wait", func() bool {
			ran, waited, ok := in.(lambda.CPUWaiter).CPUWait()
			if !ok || ran > time.Since(began) {
				t.Fatalf("ran %v, waited %v, known %v after %v", ran, waited, ok, time.Since(began))
			}
			return ran > 0 && waited > 100*time.Millisecond
		})
	}
	for _, in := range busy {
		stop(t, in, 0)
		if _, _, ok := in.(lambda.CPUWaiter).CPUWait(); ok {
			t.Error("a process that has ended waits for a CPU")
		}
	}
}
