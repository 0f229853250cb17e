package awsapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// functionName is what a request's FunctionName says: a name, name:qualifier, a partial ARN or a full one (spec lambda.md §8.1). Members that
// it does not have are "".
type functionName struct {
	region, account, name, qualifier string
}

// parseName reads a FunctionName by namePattern. ok is false where the pattern doesn't match.
//
// Each step below takes one optional part of the pattern, and goes without it where the rest then does not match, as a regular expression would:
// "function:$LATEST" is the function named "function".
func parseName(s string) (n functionName, ok bool) {
	if strings.IndexByte(s, ':') < 0 {
		return functionName{name: s}, isName(s)
	}
	if rest, found := cutService(s); found {
		if n, ok = parseRegional(rest); ok {
			return n, true
		}
	}
	return parseRegional(s)
}

func parseRegional(s string) (n functionName, ok bool) {
	if head, rest, found := strings.Cut(s, ":"); found && isRegion(head) {
		if n, ok = parseOwned(rest); ok {
			n.region = head
			return n, true
		}
	}
	return parseOwned(s)
}

func parseOwned(s string) (n functionName, ok bool) {
	if head, rest, found := strings.Cut(s, ":"); found && isAccount(head) {
		if n, ok = parseTyped(rest); ok {
			n.account = head
			return n, true
		}
	}
	return parseTyped(s)
}

func parseTyped(s string) (n functionName, ok bool) {
	if rest, found := strings.CutPrefix(s, "function:"); found {
		if n, ok = parseBare(rest); ok {
			return n, true
		}
	}
	return parseBare(s)
}

func parseBare(s string) (n functionName, ok bool) {
	name, qualifier, qualified := strings.Cut(s, ":")
	if !isName(name) || qualified && !isVersionOrAlias(qualifier) {
		return functionName{}, false
	}
	return functionName{name: name, qualifier: qualifier}, true
}

// cutService cuts "arn:aws:lambda:" off, in any partition.
func cutService(s string) (rest string, ok bool) {
	if s, ok = strings.CutPrefix(s, "arn:"); !ok {
		return "", false
	}
	partition, s, _ := strings.Cut(s, ":")
	if !isPartition(partition) {
		return "", false
	}
	return strings.CutPrefix(s, "lambda:")
}

// isPartition matches (aws[a-zA-Z-]*)?.
func isPartition(s string) bool {
	return s == "" || strings.HasPrefix(s, "aws") && every(s, func(c byte) bool { return isLetter(c) || c == '-' })
}

// isRegion matches (eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}.
func isRegion(s string) bool {
	s = strings.TrimPrefix(s, "eusc-")
	if len(s) < 2 || !isLower(s[0]) || !isLower(s[1]) {
		return false
	}
	if isDirection(s[2:]) {
		return true
	}
	s = s[2:]
	if rest, ok := strings.CutPrefix(s, "-gov"); ok {
		return isDirection(rest)
	}
	if rest, ok := strings.CutPrefix(s, "-iso"); ok {
		return isDirection(rest) || rest != "" && isLower(rest[0]) && isDirection(rest[1:])
	}
	return false
}

// isDirection matches -[a-z]+-\d.
func isDirection(s string) bool {
	n := len(s)
	return n >= 4 && s[0] == '-' && s[n-2] == '-' && isDigit(s[n-1]) && every(s[1:n-2], isLower)
}

func isAccount(s string) bool { return len(s) == 12 && every(s, isDigit) }

func isName(s string) bool {
	return s != "" && every(s, func(c byte) bool { return isWord(c) || c == '.' })
}

func isVersionOrAlias(s string) bool {
	return s == "$LATEST" || s == "$LATEST.PUBLISHED" || s != "" && every(s, isWord)
}

// isQualifier matches qualifierPattern.
func isQualifier(s string) bool {
	return s == "$LATEST.PUBLISHED" || s != "" && every(s, func(c byte) bool { return isWord(c) || c == '$' })
}

func isTenant(s string) bool {
	return s != "" && every(s, func(c byte) bool { return isWord(c) || strings.IndexByte(".:/=+@ ", c) >= 0 })
}

// isRole matches rolePattern.
func isRole(s string) bool {
	rest, ok := strings.CutPrefix(s, "arn:")
	partition, rest, iam := strings.Cut(rest, ":iam::")
	account, role, found := strings.Cut(rest, ":role")
	return ok && iam && found && isPartition(partition) && isAccount(account) &&
		role != "" && every(role, func(c byte) bool { return isWord(c) || strings.IndexByte("+=,.@/", c) >= 0 })
}

func isLower(c byte) bool  { return 'a' <= c && c <= 'z' }
func isLetter(c byte) bool { return isLower(c | 0x20) }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) || c == '-' || c == '_' }

func every(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

// nameCheck is a FunctionName with the Qualifier of the query, on its way through the checks.
type nameCheck struct {
	functionName
	// asked is the query's Qualifier, where there is one.
	asked string
}

// newNameCheck parses both, and adds what is wrong with the name to v.
func newNameCheck(v *violations, raw, rawQuery string) (c nameCheck, hasQualifier bool) {
	parsed, ok := parseName(raw)
	c.functionName = parsed
	if !ok || len(raw) > maxNameLength {
		v.length("functionName", raw, maxNameLength)
		v.pattern("functionName", raw, namePattern, ok)
	}
	if rawQuery == "" {
		return c, false
	}
	q, _ := url.ParseQuery(rawQuery)
	c.asked = q.Get("Qualifier")
	return c, q.Has("Qualifier")
}

func checkQualifier(v *violations, qualifier string) {
	v.length("qualifier", qualifier, maxQualifierLength)
	v.pattern("qualifier", qualifier, qualifierPattern, isQualifier(qualifier))
}

// resolve finds the function of this account and region that is meant. action is what a caller from outside would need a permission for.
func (h *handler) resolve(c nameCheck, action string) (name, qualifier string, err error) {
	switch {
	case c.region != "" && c.region != h.Region:
		return "", "", userError(http.StatusNotFound, "ResourceNotFoundException",
			fmt.Sprintf("Functions from '%s' are not reachable in this region ('%s')", c.region, h.Region))
	case c.asked != "" && c.qualifier != "" && c.asked != c.qualifier:
		return "", "", invalidParameter("The derived qualifier from the function name does not match the specified qualifier.")
	case c.account != "" && c.account != h.Account:
		return "", "", accessDenied(fmt.Sprintf("User: arn:aws:iam::%s:root is not authorized to perform: %s on resource: "+
			"arn:aws:lambda:%s:%s:function:%s because no resource-based policy allows the %[2]s action", h.Account, action, h.Region, c.account, c.name))
	}
	if c.asked != "" {
		return c.name, c.asked, nil
	}
	return c.name, c.qualifier, nil
}

// unescape decodes a segment of a path; one that is not well encoded stays as it is, and fails its pattern.
func unescape(segment string) string {
	if s, err := url.PathUnescape(segment); err == nil {
		return s
	}
	return segment
}
