//go:build unix

package sandbox

import (
	"fmt"

	"example.com/emulate/emulator/lambda"
)

var _ lambda.Freezer = (*instance)(nil)

// Freeze stops the environment's processes from running, as Lambda does between invokes. A runtime that is alone is stopped by a signal, whose way
// there and back costs a fifth of the cgroup's freezer; that one is used where the runtime has started others, which may have left the group.
func (in *instance) Freeze() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.frozen != running || in.reaped || in.used.Load() {
		return nil
	}
	by, err := stopped, error(nil)
	if c := in.slot.cgroup; c != "" && !c.holdsOnly(in.child.pid) {
		by, err = inCgroup, c.freeze(true)
	} else {
		err = in.child.signal(sigStop)
	}
	if err != nil {
		return fmt.Errorf("freeze environment %s: %w", in.spec.Environment, err)
	}
	in.frozen = by
	return nil
}

// Thaw lets them go on.
func (in *instance) Thaw() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	var err error
	switch {
	case in.frozen == inCgroup:
		err = in.slot.cgroup.freeze(false)
	case in.frozen == stopped && !in.reaped:
		err = in.child.signal(sigCont)
	}
	if err != nil {
		return fmt.Errorf("thaw environment %s: %w", in.spec.Environment, err)
	}
	in.frozen = running
	return nil
}
