//go:build !unix

package main

// enoughFiles has nothing to refuse: there is no such limit.
func enoughFiles(int, bool) error { return nil }
