//go:build unix

package sandbox

import (
	"fmt"

	"example.com/emulate/emulator/lambda"
)

var _ lambda.Freezer = (*instance)(nil)

// Freeze stops the environment's processes from running, as Lambda does between invokes: by the cgroup's freezer, which processes do not notice
// and cannot leave, else by SIGSTOP to the group.
func (in *instance) Freeze() error { return in.freeze(true) }

// Thaw lets them go on.
func (in *instance) Thaw() error { return in.freeze(false) }

func (in *instance) freeze(on bool) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.frozen == on || in.reaped || on && in.used.Load() {
		return nil
	}
	if err := in.setFrozen(on); err != nil {
		return fmt.Errorf("freeze or thaw environment %s: %w", in.spec.Environment, err)
	}
	in.frozen = on
	return nil
}

func (in *instance) setFrozen(on bool) error {
	if in.slot.cgroup != "" {
		return in.slot.cgroup.freeze(on)
	}
	if on {
		return in.child.signal(sigStop)
	}
	return in.child.signal(sigCont)
}
