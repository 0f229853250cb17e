//go:build !linux

package inside

// Main is the program, which only runs in a Linux container.
func Main() int {
	println("emulate-init is the first process of a Linux container")
	return 1
}
