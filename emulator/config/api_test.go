package config

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestChooseStage(t *testing.T) {
	for _, c := range []struct {
		stages []string
		name   string
		want   []string
	}{
		{[]string{"dev"}, "", []string{"dev"}},
		{[]string{"dev"}, "prod", []string{"prod"}},
		{[]string{"dev", "prod"}, "prod", []string{"prod", "dev"}},
		{[]string{"dev", "prod"}, "test", []string{"test", "prod"}},
		{[]string{"$default"}, "prod", []string{"$default"}},
		{[]string{"$default", "prod"}, "prod", []string{"prod", "$default"}},
	} {
		api := &API{}
		for _, name := range c.stages {
			api.Stages = append(api.Stages, Stage{Name: name})
		}
		api.chooseStage(c.name)
		var got []string
		for _, s := range api.Stages {
			got = append(got, s.Name)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v with --stage %q (-want +got):\n%s", c.stages, c.name, diff)
		}
	}
}

// TestConstantStatus holds what API Gateway takes as the answer of a mock's request template: no strict JSON.
func TestConstantStatus(t *testing.T) {
	for template, want := range map[string]string{
		`{"statusCode": 200}`: "200", `{ statusCode: 204 }`: "204", `{'statusCode':'201'}`: "201", ` {"statusCode" : "200"} `: "200",
		`{"message": "x", "statusCode": 200, "other": 1}`: "200", `{"statusCode": 200,}`: "200",
		`{"code": 200}`: "", `200`: "", ``: "", `{"statusCode": 2000}`: "", `{"myStatusCode": 200}`: "", `{statusCode}`: "",
	} {
		got := ""
		if m := constantStatus.FindStringSubmatch(template); m != nil {
			got = m[1]
		}
		if got != want {
			t.Errorf("%s gives %q, want %q", template, got, want)
		}
	}
}

// TestShortID: ids have the form of AWS's, and differ.
func TestShortID(t *testing.T) {
	form := regexp.MustCompile(`^[a-z0-9]{10}$`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		if !form.MatchString(shortID(a)) {
			t.Errorf("shortID(%q) = %q", a, shortID(a))
		}
		if a != b && shortID(a) == shortID(b) {
			t.Errorf("%q and %q have the same id %s", a, b, shortID(a))
		}
	})
	if got := shortID("ServerlessRestApi"); got != "qvqon2tk1q" {
		t.Errorf("the id of ServerlessRestApi is now %s: ids must not change between versions", got)
	}
}
