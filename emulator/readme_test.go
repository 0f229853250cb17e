package emulator_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator/config"
)

var update = flag.Bool("update", false, "write the README's table of what is read of a configuration")

// The README's table of resource types and properties is the one that the loader works by.
func TestREADMEShowsTheSupportTable(t *testing.T) {
	const begin, end = "<!-- support: begin -->\n", "<!-- support: end -->\n"
	data, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("README.md lacks %q or %q", begin, end)
	}
	want := supportTable()
	if *update {
		if err := os.WriteFile("../README.md", []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("README.md (-code +README), mend with go test ./emulator -run README -update:\n%s", diff)
	}
}

func supportTable() string {
	var b strings.Builder
	b.WriteString("| type | served | accepted, no local effect | warned about | an error |\n| --- | --- | --- | --- | --- |\n")
	var whole []string
	for _, t := range config.Support() {
		if t.Class != config.Served {
			line := fmt.Sprintf("`%s` (%s)", t.Type, t.Class)
			whole = append(whole, line)
			continue
		}
		by := map[config.Class][]string{}
		for _, p := range t.Properties {
			by[p.Class] = append(by[p.Class], p.Name)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", t.Type, strings.Join(by[config.Served], ", "), strings.Join(by[config.NoLocalEffect], ", "),
			strings.Join(by[config.NotEmulated], ", "), strings.Join(by[config.Refused], ", "))
	}
	fmt.Fprintf(&b, "\nWhole types: %s. Every other `AWS::` type of another service is accepted and named in one line at start.\n", strings.Join(whole, ", "))
	return b.String()
}
