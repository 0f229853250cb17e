package gateway

import (
	"strings"

	"example.com/emulate/emulator/config"
)

// Collide tells whether two APIs cannot share a listener: some request, sent to a host that names neither, has a route in both.
func Collide(a, b *config.API) bool {
	for i := range a.Routes {
		for j := range b.Routes {
			if verbsMeet(a.Routes[i].Method, b.Routes[j].Method) && pathsMeet(a.Routes[i].Path, b.Routes[j].Path) {
				return true
			}
		}
	}
	return false
}

func verbsMeet(a, b string) bool {
	return a == b || a == "" || b == "" || a == "ANY" && standsForAny(b) || b == "ANY" && standsForAny(a)
}

// pathsMeet tells whether a path exists that both templates match.
func pathsMeet(a, b string) bool {
	if a == defaultRoute || b == defaultRoute {
		return true
	}
	return partsMeet(strings.Trim(a, "/"), strings.Trim(b, "/"))
}

func partsMeet(a, b string) bool {
	if a == "" || b == "" {
		return a == b
	}
	partA, restA, _ := strings.Cut(a, "/")
	partB, restB, _ := strings.Cut(b, "/")
	_, kindA := variable(partA)
	_, kindB := variable(partB)
	// A greedy variable takes one part or more, whatever follows on the other side.
	if kindA == greedySegment || kindB == greedySegment {
		return true
	}
	if kindA == literalSegment && kindB == literalSegment && partA != partB {
		return false
	}
	return partsMeet(restA, restB)
}
