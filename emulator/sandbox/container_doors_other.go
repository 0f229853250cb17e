//go:build !linux

package sandbox

import "errors"

// doors is where inits come to that share a kernel with the emulator: not on this system.
type doors struct{ dir string }

func openDoors(string) (*doors, error) {
	return nil, errors.New("containers do not share this system's kernel")
}

func (*doors) bring(string) error            { return nil }
func (*doors) expect() string                { return "" }
func (*doors) waiting(string) <-chan arrival { return nil }
func (*doors) forget(string)                 {}
func (*doors) close()                        {}

// containerCgroup is none: the engine is asked.
type containerCgroup struct{}

func findContainerCgroup(int) containerCgroup { return containerCgroup{} }

func (containerCgroup) limitCPU(int64, int64) error { return errors.ErrUnsupported }
func (containerCgroup) peakMemory() (int64, bool)   { return 0, false }

func (containerCgroup) ranOut() bool { return false }
