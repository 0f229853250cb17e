package simulate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/emulate/emulator/burst"
)

// Settings are the names that Apply knows, for messages.
const Settings = "provisioned, reserved, memory, package (MB), runtime, architecture, warm (pings at once every 5 min), split (true or false), each also " +
	"for one function as FUNCTION.NAME, and concurrency (of the account)"

// Apply is the scenario with settings of a sweep changed: for all functions, or for one as FUNCTION.NAME. An empty value takes the setting away.
func (s *Scenario) Apply(settings []burst.Setting) (*Scenario, error) {
	out := *s
	out.Functions = slices.Clone(s.Functions)
	for _, set := range settings {
		if err := out.apply(set); err != nil {
			return nil, fmt.Errorf("%s=%s: %w", set.Name, set.Value, err)
		}
	}
	return &out, out.check()
}

func (s *Scenario) apply(set burst.Setting) error {
	if set.Name == "concurrency" {
		var err error
		s.AccountConcurrency, err = number(set.Value)
		return err
	}
	name := set.Name
	of := func(*Function) bool { return true }
	if i := strings.LastIndex(name, "."); i >= 0 {
		only := name[:i]
		name = name[i+1:]
		of = func(f *Function) bool { return f.Name == only }
		if !slices.ContainsFunc(s.Functions, func(f Function) bool { return f.Name == only }) {
			return fmt.Errorf("there is no function %s", only)
		}
	}
	for i := range s.Functions {
		if f := &s.Functions[i]; of(f) {
			if err := f.apply(name, set.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Function) apply(name, value string) error {
	n, notNumber := number(value)
	switch name {
	case "provisioned":
		f.Provisioned = n
	case "memory":
		f.MemoryMB = n
	case "reserved":
		f.Reserved = nil
		if value != "" {
			f.Reserved = &n
		}
	case "warm":
		f.warm(n)
	case "package":
		size, err := strconv.ParseFloat("0"+value, 64)
		f.PackageMB, notNumber = size, err
	case "runtime":
		f.Runtime, notNumber = value, nil
	case "architecture":
		f.Architecture, notNumber = value, nil
	case "split":
		split, err := strconv.ParseBool(value)
		f.Split, notNumber = split && len(f.Routes) > 0, err
	default:
		return fmt.Errorf("there is no setting %q (there are %s)", name, Settings)
	}
	return notNumber
}

// warm sets the number of pings; 0 takes the warmer away.
func (f *Function) warm(n int) {
	if n == 0 {
		f.Warm = nil
		return
	}
	w := Warm{Every: 5 * time.Minute}
	if f.Warm != nil {
		w = *f.Warm
	}
	w.Concurrency = n
	f.Warm = &w
}

// number reads a whole number; nothing is 0.
func number(value string) (int, error) {
	if value == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is no number of it", value)
	}
	return n, nil
}
