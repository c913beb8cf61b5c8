// Command starlane is the front door: it runs a whole Starlane on one machine and looks after it.
package main

import (
	"os"

	"starlane/internal/devstack/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
