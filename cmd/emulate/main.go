// Command emulate serves a project of Lambda functions and APIs on this computer. See README.md.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
