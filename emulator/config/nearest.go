package config

import (
	"fmt"
	"strings"
)

// nearest returns the candidate that name was probably meant to be, "" where none is near: at most one edit in three letters, upper and lower
// case counting as equal; else the first that has all its letters in their order (node22, nodejs22.x), or that it begins with (memorySize, memory).
func nearest(name string, candidates []string) string {
	lower := strings.ToLower(name)
	best, bestDistance := "", len(name)/3+1
	for _, c := range candidates {
		if strings.EqualFold(c, name) {
			return c
		}
		if d := editDistance(lower, strings.ToLower(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	for _, c := range candidates {
		if best == "" && (len(name) >= 3 && isSubsequence(lower, strings.ToLower(c)) || len(c) >= 4 && strings.HasPrefix(lower, strings.ToLower(c))) {
			return c
		}
	}
	return best
}

// Nearest returns the candidate that name was probably meant to be, "" where none is near.
func Nearest(name string, candidates []string) string { return nearest(name, candidates) }

// isSubsequence says whether all bytes of a are in b, in their order.
func isSubsequence(a, b string) bool {
	i := 0
	for j := 0; i < len(a) && j < len(b); j++ {
		if a[i] == b[j] {
			i++
		}
	}
	return i == len(a)
}

// didYouMean is the hint for a misspelt name, "" where no candidate is near.
func didYouMean(name string, candidates []string) string {
	if c := nearest(name, candidates); c != "" {
		return fmt.Sprintf("did you mean %q?", c)
	}
	return ""
}

// oneOf is the hint for a value that must be one of a few: the nearest, else all of them.
func oneOf(value string, allowed []string) string {
	if hint := didYouMean(value, allowed); hint != "" {
		return hint
	}
	return "one of " + strings.Join(allowed, ", ")
}

// editDistance counts the insertions, deletions, replacements and swaps of neighbours that turn a into b (optimal string alignment).
func editDistance(a, b string) int {
	const tooFar = 64
	if len(a) > 128 || len(b) > 128 {
		return tooFar
	}
	two, one, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range one {
		one[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(one[j]+1, row[j-1]+1, one[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
		two, one, row = one, row, two
	}
	return one[len(b)]
}
