package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/burst"
	"example.com/emulate/emulator/config"
)

// served is what the controls of an emulator tell, as far as a target needs it.
type served struct {
	Project struct {
		AWS       string
		APIs      []struct{ URL string }
		Functions []struct{ Name, URL string }
		Seed      uint64
	}
	Routes []emulator.Route
}

// find finds TARGET: a URL, a path of the emulator's project, or a function of it.
func find(ctx context.Context, serve *burst.Serve, target, method string) (*found, error) {
	var s served
	err := serve.Call(ctx, http.MethodGet, "/_emulate/status", nil, &s)
	if strings.Contains(target, "://") {
		at := &found{url: target}
		if err == nil && s.serves(target) {
			at.source, at.seed = serve, s.Project.Seed
		}
		return at, nil
	}
	if refused := (*burst.CallError)(nil); errors.As(err, &refused) {
		return nil, fmt.Errorf("%s is no emulate serve that can be watched: %w", serve.Endpoint(), err)
	}
	if err != nil {
		return nil, fmt.Errorf("no emulate serve answers at %s (start one; or --endpoint URL says where it is; or --path PATH serves a project for the burst): %w",
			serve.Endpoint(), err)
	}
	at := &found{source: serve, seed: s.Project.Seed}
	if strings.HasPrefix(target, "/") {
		return at, s.route(at, target, method)
	}
	if err := s.function(at, serve.Endpoint(), target); err != nil || at.qualifier == "" {
		return at, err
	}
	return at, checkQualifier(ctx, at)
}

// serves says whether a URL leads to one of the emulator's ports.
func (s *served) serves(target string) bool {
	u, err := url.Parse(schemeAndHost(target))
	if err != nil {
		return false
	}
	ours := []string{s.Project.AWS}
	for _, a := range s.Project.APIs {
		ours = append(ours, a.URL)
	}
	for _, f := range s.Project.Functions {
		ours = append(ours, f.URL)
	}
	return slices.ContainsFunc(ours, func(text string) bool {
		o, err := url.Parse(text)
		return err == nil && o.Host != "" && o.Port() == u.Port() && (o.Hostname() == u.Hostname() || local(o.Hostname()) && local(u.Hostname()))
	})
}

// schemeAndHost is a URL without what may hold templates.
func schemeAndHost(target string) string {
	scheme, rest, _ := strings.Cut(target, "://")
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return scheme + "://" + rest
}

// local says whether a host name is this machine's.
func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// route finds the first API that routes a path. Of a path with templates, what they give is unknown: a variable may stand for it.
func (s *served) route(at *found, target, method string) error {
	path, _, _ := strings.Cut(target, "?")
	var best *emulator.Route
	methods := map[string]bool{}
	for i := range s.Routes {
		r := &s.Routes[i]
		if best != nil && r.API != best.API || !leadsTo(r, path) {
			continue
		}
		if method != "" && r.Method != "ANY" && r.Method != method {
			continue
		}
		if best == nil || closer(r, best) {
			best = r
			clear(methods)
		}
		if r.Path == best.Path {
			methods[r.Method] = true
		}
	}
	if best == nil {
		return usagef("no API of the project routes %s; there are %s", strings.TrimSpace(method+" "+path), s.routes())
	}
	at.url, at.function, at.qualifier = best.URL+target, best.Function, best.Qualifier
	at.route = best.Method + " " + best.Path
	if len(methods) == 1 && best.Method != "ANY" {
		at.method = best.Method
	}
	return nil
}

// routes lists what there is.
func (s *served) routes() string {
	const most = 8
	var out []string
	for _, r := range s.Routes {
		if r.Function == "" {
			continue
		}
		if len(out) == most {
			return strings.Join(out, ", ") + ", …"
		}
		out = append(out, r.Method+" "+r.Path)
	}
	if len(out) == 0 {
		return "no routes: burst a function by its name (" + strings.Join(s.names(), ", ") + ")"
	}
	return strings.Join(out, ", ")
}

func (s *served) names() []string {
	var out []string
	for _, f := range s.Project.Functions {
		out = append(out, f.Name)
	}
	return out
}

// leadsTo says whether a route's template takes a path, with or without the stage before it.
func leadsTo(r *emulator.Route, path string) bool {
	if r.Path == "$default" || matches(r.Path, path) {
		return true
	}
	rest, ok := strings.CutPrefix(path, "/"+r.Stage)
	return ok && (rest == "" || rest[0] == '/') && matches(r.Path, "/"+strings.TrimPrefix(rest, "/"))
}

func matches(template, path string) bool {
	t, p := strings.Split(strings.Trim(template, "/"), "/"), strings.Split(strings.Trim(path, "/"), "/")
	for i, part := range t {
		greedy := strings.HasPrefix(part, "{") && strings.HasSuffix(part, "+}")
		switch {
		case i >= len(p) || greedy && p[i] == "":
			return false
		case greedy:
			return true
		case strings.HasPrefix(part, "{") && p[i] != "", part == p[i]:
		default:
			return false
		}
	}
	return len(t) == len(p)
}

// closer says whether a route is told before another for a path that both take: the one with more words that are no variables.
func closer(a, b *emulator.Route) bool {
	weight := func(r *emulator.Route) (n int) {
		if r.Path == "$default" {
			return -1
		}
		for part := range strings.SplitSeq(strings.Trim(r.Path, "/"), "/") {
			switch {
			case strings.HasSuffix(part, "+}"):
			case strings.HasPrefix(part, "{"):
				n++
			default:
				n += 3
			}
		}
		return n
	}
	return weight(a) > weight(b)
}

// function is the target of a function's name, name:qualifier or ARN.
func (s *served) function(at *found, endpoint, target string) error {
	name := target
	if _, rest, ok := strings.Cut(name, ":function:"); ok {
		name = rest
	}
	name, at.qualifier, _ = strings.Cut(name, ":")
	names := s.names()
	if !slices.Contains(names, name) {
		hint := "the project has " + strings.Join(names, ", ")
		for _, r := range s.Routes {
			if leadsTo(&r, "/"+target) && r.Path != "$default" {
				hint = "did you mean the path /" + target + "?"
			}
		}
		return usagef("there is no function %s: %s", name, hint)
	}
	at.function = name
	at.url = invokeURL(endpoint, name, at.qualifier)
	return nil
}

// functionBefore is the function that answers a target, found in the configuration before it is served; "" where there is none, of which find tells.
func functionBefore(o emulator.Options, target, method string) string {
	if !strings.HasPrefix(target, "/") {
		return functionOf(target)
	}
	p, _, err := config.Load(o.Configuration())
	if err != nil || p == nil {
		return ""
	}
	var s served
	for _, a := range p.APIs {
		for _, r := range a.Routes {
			s.Routes = append(s.Routes, emulator.Route{
				API: a.ID, Stage: a.Stages[0].Name, Method: r.Method, Path: r.Path, Function: r.Integration.Function, Qualifier: r.Integration.Qualifier,
			})
		}
	}
	var at found
	if s.route(&at, target, method) != nil {
		return ""
	}
	return at.function
}

// checkQualifier finds the version or alias of a target.
func checkQualifier(ctx context.Context, at *found) error {
	path := "/2015-03-31/functions/" + url.PathEscape(at.function)
	err := at.source.Call(ctx, http.MethodGet, path+"/configuration?Qualifier="+url.QueryEscape(at.qualifier), nil, nil)
	refused := (*burst.CallError)(nil)
	if !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
		return err
	}
	var list struct{ Aliases []struct{ Name string } }
	if err := at.source.Call(ctx, http.MethodGet, path+"/aliases", nil, &list); err != nil {
		return err
	}
	names := []string{"$LATEST"}
	for _, a := range list.Aliases {
		names = append(names, a.Name)
	}
	return usagef("function %s has no version or alias %s: it has %s", at.function, at.qualifier, strings.Join(names, ", "))
}

func invokeURL(endpoint, name, qualifier string) string {
	if qualifier != "" {
		name += ":" + qualifier
	}
	return strings.TrimSuffix(endpoint, "/") + "/2015-03-31/functions/" + url.PathEscape(name) + "/invocations"
}
