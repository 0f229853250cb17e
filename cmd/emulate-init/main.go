// Emulate-init is the first process of an execution environment in a container. It is built into emulate, and of no use by itself.
package main

import (
	"os"

	"example.com/emulate/emulator/sandbox/inside"
)

func main() { os.Exit(inside.Main()) }
