package emulator

import "example.com/emulate/emulator/fleet"

// RecordFleet has the fleet's inputs and decisions told to what recorder returns. It is called under the Lambda service's lock.
func RecordFleet(o *Options, recorder func(fleet.Options) func(fleet.Input, []fleet.Decision)) {
	o.recorder = recorder
}
