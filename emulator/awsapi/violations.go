package awsapi

import (
	"fmt"
	"net/http"
	"strings"

	"example.com/emulate/emulator/lambda"
)

// The constraints of Lambda's model, as AWS prints them. Patterns are checked by hand-written code in name.go.
const (
	namePattern = `(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?` +
		`(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?`
	qualifierPattern = `\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+`
	regionPattern    = `ALL|[a-z]{2}(-gov)?-[a-z]+-\d{1}`
	tenantPattern    = `[a-zA-Z0-9\._:\/=+\-@ ]+`

	maxNameLength      = 256
	maxQualifierLength = 128
	maxTenantLength    = 256
)

// violations are the constraints of the model that a request's members break. AWS lists them all in one ValidationException.
type violations []string

func (v *violations) add(member, value, format string, args ...any) {
	*v = append(*v, fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: Member must ", value, member)+fmt.Sprintf(format, args...))
}

func (v *violations) length(member, value string, atMost int) {
	switch {
	case value == "":
		v.add(member, value, "have length greater than or equal to 1")
	case len(value) > atMost:
		v.add(member, value, "have length less than or equal to %d", atMost)
	}
}

func (v *violations) pattern(member, value, pattern string, matches bool) {
	if !matches {
		v.add(member, value, "satisfy regular expression pattern: %s", pattern)
	}
}

func (v *violations) enum(member, value string, set ...string) {
	for _, s := range set {
		if s == value {
			return
		}
	}
	v.add(member, value, "satisfy enum value set: [%s]", strings.Join(set, ", "))
}

// err is nil where nothing is broken. ValidationException has only a message (spec lambda.md §8.5).
func (v violations) err() error {
	if len(v) == 0 {
		return nil
	}
	plural := "s"
	if len(v) == 1 {
		plural = ""
	}
	return &lambda.Error{Status: http.StatusBadRequest, Name: "ValidationException",
		Message: fmt.Sprintf("%d validation error%s detected: %s", len(v), plural, strings.Join(v, "; "))}
}
