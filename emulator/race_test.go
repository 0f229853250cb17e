//go:build race

package emulator_test

// raceFactor is what the race detector costs in bounds of time.
const raceFactor = 4
