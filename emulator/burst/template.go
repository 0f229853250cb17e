package burst

import (
	"bytes"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net/url"
	"strings"
	"text/template"
	"time"
)

// Templates of a Request's path, query and body are Go's, with {{n}} (the request's number, from 0), {{uuid}}, {{random 1 100}}, {{now}} (RFC 3339)
// and {{pick "a" "b"}}.
const actionStart = "{{"

// escapeTemplates keeps the actions of a URL through its parsing: they may hold blanks and quotes.
func escapeTemplates(u string) string {
	head, rest, found := strings.Cut(u, actionStart)
	if !found {
		return u
	}
	action, tail, ok := strings.Cut(rest, "}}")
	if !ok {
		return u
	}
	return head + url.PathEscape(actionStart+action+"}}") + escapeTemplates(tail)
}

// render returns what writes request number n. Without templates that is the same bytes each time.
func render(r Request, u *url.URL) (func([]byte, int) ([]byte, error), error) {
	path := r.URL[strings.Index(r.URL, "://")+3:]
	if i := strings.IndexAny(path, "/?"); i < 0 {
		path = "/"
	} else if path = path[i:]; path[0] == '?' {
		path = "/" + path
	}
	path, _, _ = strings.Cut(path, "#")
	if !strings.Contains(path, actionStart) {
		path = u.RequestURI()
	}
	if !strings.Contains(path, actionStart) && !bytes.Contains(r.Body, []byte(actionStart)) {
		whole := append(appendHead(nil, r, u.Host, path, len(r.Body)), r.Body...)
		return func([]byte, int) ([]byte, error) { return whole, nil }, nil
	}
	pathOf, err := compile("path", path)
	if err != nil {
		return nil, err
	}
	bodyOf, err := compile("payload", string(r.Body))
	if err != nil {
		return nil, err
	}
	make := func(buf []byte, n int) ([]byte, error) {
		p, err := pathOf(n)
		if err != nil {
			return nil, err
		}
		body, err := bodyOf(n)
		if err != nil {
			return nil, err
		}
		target := strings.ReplaceAll(string(p), " ", "%20")
		return append(appendHead(buf[:0], r, u.Host, target, len(body)), body...), nil
	}
	_, err = make(nil, 0) // what fails for one request fails before the load
	return make, err
}

// compile makes the function that fills in a template for request number n.
func compile(name, text string) (func(n int) ([]byte, error), error) {
	t, err := template.New(name).Funcs(template.FuncMap{
		"n":    func() int { return 0 },
		"uuid": uuid,
		"now":  func() string { return time.Now().UTC().Format(time.RFC3339Nano) },
		"random": func(low, high int) (int, error) {
			if high < low {
				return 0, fmt.Errorf("random %d %d: the second is the larger one", low, high)
			}
			return low + mathrand.IntN(high-low+1), nil
		},
		"pick": func(of ...string) (string, error) {
			if len(of) == 0 {
				return "", fmt.Errorf("pick needs something to pick from")
			}
			return of[mathrand.IntN(len(of))], nil
		},
	}).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read the template of the %s: %w", name, err)
	}
	return func(n int) ([]byte, error) {
		c, err := t.Clone()
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := c.Funcs(template.FuncMap{"n": func() int { return n }}).Execute(&b, nil); err != nil {
			return nil, fmt.Errorf("fill in the template of the %s: %w", name, err)
		}
		return b.Bytes(), nil
	}, nil
}

func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
