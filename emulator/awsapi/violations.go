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
	rolePattern      = `arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`
	tenantPattern    = `[a-zA-Z0-9\._:\/=+\-@ ]+`

	// runtimes is the model's enumeration, with those that AWS has retired.
	runtimes = `nodejs nodejs4.3 nodejs4.3-edge nodejs6.10 nodejs8.10 nodejs10.x nodejs12.x nodejs14.x nodejs16.x nodejs18.x nodejs20.x nodejs22.x nodejs24.x
		nodejs26.x java8 java8.al2 java8.al2023 java11 java11.al2023 java17 java17.al2023 java21 java25 python2.7 python3.6 python3.7 python3.8 python3.9
		python3.10 python3.11 python3.12 python3.13 python3.14 python3.15 dotnetcore1.0 dotnetcore2.0 dotnetcore2.1 dotnetcore3.1 dotnet6 dotnet8 dotnet10
		go1.x ruby2.5 ruby2.7 ruby3.2 ruby3.3 ruby3.4 ruby4.0 provided provided.al2 provided.al2023 custom`

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
