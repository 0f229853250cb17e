//go:build !race

package emulator_test

const raceFactor = 1
