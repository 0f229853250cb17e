package awsapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"example.com/emulate/emulator/lambda"
)

// maxBody is the limit of a control-plane request's body in bytes: a deployment package in base64 (spec lambda.md §8.4).
const maxBody = 70167211

// readBody reads a JSON body into v. An empty one sets nothing. Members that v does not have are left out, as AWS leaves out what it does not know.
func readBody(r *http.Request, operation string, v any) error {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return unreadable(err)
	case len(b) > maxBody:
		_, _ = io.CopyN(io.Discard, r.Body, maxDrained) // so that the sender reads the answer
		return userError(http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException",
			fmt.Sprintf("Request must be smaller than %d bytes for the %s operation", maxBody, operation))
	case len(b) == 0:
		return nil
	}
	if err := json.Unmarshal(b, v); err != nil {
		return serialization(unparsable(err))
	}
	return nil
}

// serialization is the answer to a request that cannot be read. It has a Message only (public reports of Lambda's).
func serialization(message string) error {
	return &lambda.Error{Status: http.StatusBadRequest, Name: "SerializationException", Message: message}
}

// unparsable says why a body cannot be read. For a scalar of a wrong type these are AWS's words (public reports of Lambda's, and of other services' of the
// same protocol); for anything else they are not known.
func unparsable(err error) string {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return "Could not parse the request body: " + err.Error()
	}
	kind, _, _ := strings.Cut(wrong.Value, " ") // a number may follow
	token := map[string]string{"string": "STRING_VALUE", "number": "NUMBER_VALUE"}[kind]
	target := map[reflect.Kind]string{reflect.String: "a String", reflect.Int: "an Integer"}[wrong.Type.Kind()]
	if token == "" || target == "" {
		return fmt.Sprintf("Could not parse the request body: %s cannot be of the JSON type %s", cmp.Or(wrong.Field, "it"), kind)
	}
	return token + " can not be converted to " + target
}

// control is an operation of the control plane: it checks a request about a function, and gives the status and the body of its answer. A nil body is
// an answer without one.
type control func(r *http.Request, rawName string) (status int, body any, err error)

// controlled makes the handler of an operation.
func controlled(c control) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, r *http.Request, rawName string) {
		status, body, err := c(r, rawName)
		switch {
		case err != nil:
			writeError(w, err, "")
		case body == nil:
			w.Header()[headerRequestID] = []string{lambda.NewRequestID()}
			w.WriteHeader(status)
		default:
			writeJSON(w, status, body, "")
		}
	}
}

// function finds out which function is meant, adding to v what the operation has found wrong already.
func (h *handler) function(r *http.Request, rawName, action string, v violations) (name, qualifier string, err error) {
	n, hasQualifier := newNameCheck(&v, rawName, r.URL.RawQuery)
	if hasQualifier {
		checkQualifier(&v, n.asked)
	}
	if err := v.err(); err != nil {
		return "", "", err
	}
	return h.resolve(n, action)
}

// wholeFunction is function for operations that concern no version or alias.
func (h *handler) wholeFunction(r *http.Request, rawName, action string, v violations) (string, error) {
	name, qualifier, err := h.function(r, rawName, action, v)
	if err == nil && qualifier != "" {
		err = invalidParameter("This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. " +
			"Please specify either a function name or an unqualified function ARN.")
	}
	return name, err
}

// between checks a number that must be there. A nil one is missing.
func (v *violations) between(member string, n *int, low, high int) {
	switch {
	case n == nil:
		*v = append(*v, fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", member))
	case *n < low:
		v.add(member, strconv.Itoa(*n), "have value greater than or equal to %d", low)
	case *n > high:
		v.add(member, strconv.Itoa(*n), "have value less than or equal to %d", high)
	}
}

// maybeBetween is between for a number that need not be there.
func (v *violations) maybeBetween(member string, n *int, low, high int) {
	if n != nil {
		v.between(member, n, low, high)
	}
}

// present checks that a member is there.
func (v *violations) present(member string, s *string) {
	if s == nil {
		*v = append(*v, fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", member))
	}
}

// page takes one page of a list: key names the item that a marker stands for, most is the greatest MaxItems.
func page[T any](q url.Values, most int, all []T, key func(T) string) (items []T, next string, err error) {
	var v violations
	size, start, err := pageOf(q, most, &v)
	if err == nil {
		err = v.err()
	}
	if err != nil {
		return nil, "", err
	}
	if i := slices.IndexFunc(all, func(t T) bool { return key(t) == start }); i >= 0 {
		all = all[i+1:]
	}
	if len(all) <= size {
		return append([]T{}, all...), "", nil
	}
	return all[:size], marker(key(all[size-1])), nil
}
