package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/burst"
)

// compareSettings are the names that a sweep of burst knows, for messages.
const compareSettings = "provisioned, reserved and memory of the target's function, its executor (process or docker), freeze (true or false) and coldStarts (measured or aws)"

// point is one combination of a sweep's settings.
type point struct {
	settings []burst.Setting
	// What Lambda's API is to set: nil leaves it.
	provisioned, reserved, memory *int
}

// newPoint reads the settings; those of the emulator, and of the function that answers, go into its options.
func newPoint(settings []burst.Setting, o *emulator.Options, function string) (*point, error) {
	p := &point{settings: settings}
	for _, s := range settings {
		n, notNumber := strconv.Atoi(s.Value)
		empty := s.Value == ""
		switch s.Name {
		case "provisioned", "reserved", "memory":
			if !empty && (notNumber != nil || n < 0) {
				return nil, usagef("--compare %s=%s: it is a number", s.Name, s.Value)
			}
		}
		switch s.Name {
		case "provisioned":
			p.provisioned = &n
		case "reserved":
			if !empty {
				p.reserved = &n
			}
		case "memory":
			if !empty {
				p.memory = &n
			}
		case "freeze":
			on, err := strconv.ParseBool(s.Value)
			if err != nil {
				return nil, usagef("--compare freeze=%s: it is true or false", s.Value)
			}
			o.NoFreeze = !on
		case "executor":
			o.ExecutorOf = map[string]string{function: s.Value}
		case "coldStarts":
			o.ColdStarts = s.Value
		default:
			return nil, usagef("--compare %s: there is no such setting (there are %s)", s.Name, compareSettings)
		}
	}
	return p, nil
}

// set changes the target's function with Lambda's API. What is provisioned is a version: a target that names none becomes that of the new one.
func (p *point) set(ctx context.Context, at *found) error {
	if p.provisioned == nil && p.memory == nil && !p.changes("reserved") {
		return nil
	}
	if at.function == "" {
		return usagef("--compare %s: it is not known which function answers: give a function's name as TARGET", p.settings[0].Name)
	}
	if p.provisioned != nil && *p.provisioned > 0 && at.route != "" && at.qualifier == "" {
		return usagef("--compare provisioned: %s calls %s:$LATEST, which cannot be provisioned: let the route call an alias of the function (emulate.yaml: alias: live; SAM: AutoPublishAlias: live; else its ARN in the integration), "+
			"or burst the function itself: emulate burst %s", at.route, at.function, at.function)
	}
	c := control{at.source, "/functions/" + url.PathEscape(at.function)}
	if err := c.reserve(ctx, p.reserved, p.changes("reserved")); err != nil {
		return err
	}
	if p.memory != nil {
		if err := c.memory(ctx, *p.memory); err != nil {
			return err
		}
	}
	if at.qualifier == "" && p.provisioned == nil {
		return nil
	}
	if err := c.publish(ctx, at, p.memory != nil); err != nil || p.provisioned == nil {
		return err
	}
	return c.provision(ctx, at.qualifier, *p.provisioned)
}

func (p *point) changes(name string) bool {
	for _, s := range p.settings {
		if s.Name == name {
			return true
		}
	}
	return false
}

// control calls Lambda's API for one function.
type control struct {
	*burst.Serve
	path string
}

// call makes one call; what says what for, in its error.
func (c control) call(ctx context.Context, what, method, version, rest string, in, out any) error {
	if err := c.Call(ctx, method, "/"+version+c.path+rest, in, out); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (c control) reserve(ctx context.Context, n *int, asked bool) error {
	switch {
	case !asked:
		return nil
	case n == nil:
		return c.call(ctx, "take the reservation away", http.MethodDelete, "2017-10-31", "/concurrency", nil, nil)
	}
	in := map[string]int{"ReservedConcurrentExecutions": *n}
	return c.call(ctx, "reserve concurrency", http.MethodPut, "2017-10-31", "/concurrency", in, nil)
}

func (c control) memory(ctx context.Context, megabytes int) error {
	in := map[string]int{"MemorySize": megabytes}
	if err := c.call(ctx, "set the memory", http.MethodPut, "2015-03-31", "/configuration", in, nil); err != nil {
		return err
	}
	return poll(ctx, func() (bool, error) {
		var out struct{ LastUpdateStatus, LastUpdateStatusReason string }
		if err := c.call(ctx, "set the memory", http.MethodGet, "2015-03-31", "/configuration", nil, &out); err != nil {
			return false, err
		}
		if out.LastUpdateStatus == "Failed" {
			return false, fmt.Errorf("set the memory: %s", out.LastUpdateStatusReason)
		}
		return out.LastUpdateStatus != "InProgress", nil
	})
}

// publish makes a version for a target that names none, and moves the alias of one that does where the function has changed.
func (c control) publish(ctx context.Context, at *found, changed bool) error {
	if at.qualifier != "" && !changed {
		return nil
	}
	var version struct{ Version string }
	if err := c.call(ctx, "publish a version", http.MethodPost, "2015-03-31", "/versions", struct{}{}, &version); err != nil {
		return err
	}
	if at.qualifier == "" {
		at.qualifier = version.Version
		at.url = invokeURL(at.source.Endpoint(), at.function, at.qualifier)
		return nil
	}
	in := map[string]string{"FunctionVersion": version.Version}
	return c.call(ctx, "move the alias "+at.qualifier, http.MethodPut, "2015-03-31", "/aliases/"+url.PathEscape(at.qualifier), in, nil)
}

// poll asks until it is done, an error, or the end of ctx.
func poll(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
