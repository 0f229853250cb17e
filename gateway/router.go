package gateway

import "strings"

// node is one level of an API's resource tree: a path so far, and what may follow it.
type node struct {
	literals map[string]*node
	// param is the child behind a {name}. Routes of different verbs may call it differently, so the names belong to the routes.
	param *node
	// leaf are the routes that end here, greedy those that end in a {name+} below.
	leaf, greedy verbs
}

// verbs are the routes of one path.
type verbs struct {
	exact map[string]*route
	any   *route
}

// standsForAny says which verbs ANY stands for (spec apigateway.md §6).
func standsForAny(verb string) bool {
	switch verb {
	case "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS":
		return true
	}
	return false
}

// get chooses by verb: the exact one before ANY.
func (v *verbs) get(verb string) *route {
	if r := v.exact[verb]; r != nil {
		return r
	}
	if v.any != nil && standsForAny(verb) {
		return v.any
	}
	return nil
}

// add puts a route in; of two with the same verb and path the first stays.
func (v *verbs) add(r *route) {
	if r.Method == "ANY" {
		if v.any == nil {
			v.any = r
		}
		return
	}
	if v.exact == nil {
		v.exact = map[string]*route{}
	}
	if v.exact[r.Method] == nil {
		v.exact[r.Method] = r
	}
}

// add puts a route below n and gives it the names of its path variables.
func (n *node) add(r *route) {
	path := strings.Trim(r.Path, "/")
	if path == "" {
		n.leaf.add(r)
		return
	}
	for part := range strings.SplitSeq(path, "/") {
		name, kind := variable(part)
		switch kind {
		case greedySegment:
			r.names = append(r.names, name)
			n.greedy.add(r)
			return
		case paramSegment:
			r.names = append(r.names, name)
			if n.param == nil {
				n.param = &node{}
			}
			n = n.param
		default:
			if n.literals == nil {
				n.literals = map[string]*node{}
			}
			if n.literals[part] == nil {
				n.literals[part] = &node{}
			}
			n = n.literals[part]
		}
	}
	n.leaf.add(r)
}

// segment is the kind of one part of a route's path, from the most to the least specific.
type segment int

const (
	literalSegment segment = iota
	paramSegment
	greedySegment
)

// variable takes {name} and {name+} apart.
func variable(part string) (string, segment) {
	if len(part) < 2 || part[0] != '{' || part[len(part)-1] != '}' {
		return "", literalSegment
	}
	if name, ok := strings.CutSuffix(part[1:len(part)-1], "+"); ok {
		return name, greedySegment
	}
	return part[1 : len(part)-1], paramSegment
}

// reach limits a search: HTTP APIs prefer any full match over a greedy one, wherever in the tree the two part; REST APIs decide level by level.
type reach int

const (
	everything reach = iota
	fullOnly
	greedyOnly
)

// find looks for the most specific route for a path and verb. path has no slash at either end. The values of the path variables are appended to
// params. Where a more specific path lacks the verb, less specific ones are tried (spec apigateway.md §2.5, §6).
func (n *node) find(path, verb string, params []string, to reach) (*route, []string) {
	return n.walk(path, path == "", verb, params, to)
}

func (n *node) walk(rest string, end bool, verb string, params []string, to reach) (*route, []string) {
	if end {
		if to == greedyOnly {
			return nil, nil
		}
		return n.leaf.get(verb), params
	}
	part, next, more := strings.Cut(rest, "/")
	if child := n.literals[part]; child != nil {
		if r, p := child.walk(next, !more, verb, params, to); r != nil {
			return r, p
		}
	}
	if n.param != nil && part != "" {
		if r, p := n.param.walk(next, !more, verb, append(params, part), to); r != nil {
			return r, p
		}
	}
	if to == fullOnly {
		return nil, nil
	}
	r := n.greedy.get(verb)
	value := strings.TrimLeft(rest, "/")
	if r == nil || value == "" {
		return nil, nil
	}
	return r, append(params, value)
}
