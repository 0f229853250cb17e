package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"example.com/emulate/emulator"
)

func newClean(s streams) *cobra.Command {
	var all, asJSON bool
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove what emulators left that died",
		Long: `Remove the folders, containers and volumes of emulators that died. What belongs to one that runs stays.

With --all the caches go too: built code, installed dependencies, images that were built, and the compilers' caches in volumes. The next build makes
them anew.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := emulator.Clean(cmd.Context(), emulator.Options{}, all)
			p := newPrinter(s, &projectFlags{json: asJSON})
			if asJSON {
				p.jsonLine(c)
				flush(p.out, &p.outBuf)
				return err
			}
			p.cleaned(c)
			return err
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "the caches too")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object on standard output")
	return cmd
}

// cleaned says what was removed, and what was not and why.
func (p *printer) cleaned(c emulator.Cleaned) {
	for _, r := range c.Removed {
		fmt.Fprintf(p.out, "removed %s %s", r.Kind, r.Name)
		if r.Bytes > 0 {
			fmt.Fprintf(p.out, ", %s", size(r.Bytes))
		}
		fmt.Fprintln(p.out)
	}
	switch n := len(c.Removed); {
	case n == 0 && len(c.Kept) > 0:
		fmt.Fprintln(p.out, "nothing else to remove")
	case n == 0:
		fmt.Fprintln(p.out, "nothing to remove")
	case c.Bytes > 0:
		fmt.Fprintf(p.out, "%d %s removed, %s\n", n, plural(n, "thing"), size(c.Bytes))
	default:
		fmt.Fprintf(p.out, "%d %s removed\n", n, plural(n, "thing"))
	}
	for _, k := range c.Kept {
		fmt.Fprintf(p.err, "not removed: %s\n", k)
	}
}

// size is a number of bytes as people say it, in the units of disks: 512 B, 3.4 MB.
func size(bytes int64) string {
	if bytes < 1000 {
		return fmt.Sprintf("%d B", bytes)
	}
	n, unit := float64(bytes)/1000, 0
	for ; n >= 999.95 && unit < 3; unit++ {
		n /= 1000
	}
	return fmt.Sprintf("%.1f %cB", n, "kMGT"[unit])
}
