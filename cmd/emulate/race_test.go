//go:build race

package main

// raceFactor is what the race detector costs in bounds of time.
const raceFactor = 4
