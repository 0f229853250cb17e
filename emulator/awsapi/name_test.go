package awsapi

import (
	"regexp"
	"testing"
)

// FuzzParseName compares the parser with the patterns that AWS prints, which Go's regexp reads as Java does.
func FuzzParseName(f *testing.F) {
	name := regexp.MustCompile("^(?:" + namePattern + ")$")
	qualifier := regexp.MustCompile("^(?:" + qualifierPattern + ")$")
	tenant := regexp.MustCompile("^(?:" + tenantPattern + ")$")
	role := regexp.MustCompile("^(?:" + rolePattern + ")$")
	master := regexp.MustCompile("^(?:" + regionPattern + ")$")
	for _, seed := range []string{
		"f", "f:live", "f:$LATEST", "f:$LATEST.PUBLISHED", "f:$LATES", "function:f", "function:$LATEST", "function:", "function", "function:function:1",
		"123456789012:function:f", "123456789012:f:1", "123456789012:1", "123456789012", "us-east-1:live", "us-east-1:123456789012:function:f:1",
		testARN + "f", testARN + "f:1:2", "arn:aws:lambda:us-east-1::function:f", "arn::lambda:f", "arn:awsx:lambda:f", "arn:aws-cn:lambda:cn-north-1:123456789012:function:f",
		"arn:aws:lambda:us-gov-west-1:f", "arn:aws:lambda:us-isob-east-1:f", "us-iso-1:f", "us-iso-iso-1:f", "us-isoiso-1:f", "eusc-de-east-1:f", "eusc-1:f", "eu-sc-1:f", "us-gov-1:f",
		"arn:aws:lambda:f", "arn:aws", "arn:aws:lambda", "a.b", "a b", "$LATEST", "a$b", "ALL", "us-gov-west-1", "é", "",
		"arn:aws:iam::123456789012:role/r", "arn::iam::123456789012:rolea/b", "arn:aws:iam::123456789012:role/", "arn:aws:iam::123456789012:role", "arn:x:iam::123456789012:role/r",
		"arn:aws:iam::1:role/r", "arn:aws:iam::123456789012:role/:iam::", "r1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseName(s)
		m := name.FindStringSubmatch(s)
		if ok != (m != nil) {
			t.Fatalf("%q: %v, the pattern says %v", s, ok, m != nil)
		}
		if ok {
			region, account := m[3], m[9]
			want := functionName{region: trimColon(region), account: trimColon(account), name: m[11], qualifier: m[13]}
			if got != want {
				t.Fatalf("%q: %+v, the pattern says %+v", s, got, want)
			}
		}
		if got, want := isQualifier(s), qualifier.MatchString(s); got != want {
			t.Fatalf("qualifier %q: %v", s, got)
		}
		if got, want := isTenant(s), tenant.MatchString(s); got != want {
			t.Fatalf("tenant %q: %v", s, got)
		}
		if got, want := isRole(s), role.MatchString(s); got != want {
			t.Fatalf("role %q: %v", s, got)
		}
		if got, want := s == "ALL" || isMasterRegion(s), master.MatchString(s); got != want {
			t.Fatalf("master region %q: %v", s, got)
		}
	})
}

func trimColon(s string) string {
	if s == "" {
		return s
	}
	return s[:len(s)-1]
}

func TestTraceHeader(t *testing.T) {
	fresh := regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0;Lineage=1:[0-9a-f]{8}:0$`)
	for _, caller := range []string{"", "Root=1-2-3", "Root=1-5759e988-bd862e3fe1be46a99427279X", "nonsense"} {
		if got := traceHeader(caller); !fresh.MatchString(got) {
			t.Errorf("%q: %s", caller, got)
		}
	}
	old := regexp.MustCompile(`^Root=1-5759e988-bd862e3fe1be46a994272793;Parent=[0-9a-f]{16};Sampled=1;Lineage=1:[0-9a-f]{8}:0$`)
	if got := traceHeader("root=1-5759e988-bd862e3fe1be46a994272793; sampled=1"); !old.MatchString(got) {
		t.Error(got)
	}
	whole := "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=2:a87bd80c:3"
	if got := traceHeader(whole); got != whole {
		t.Error(got)
	}
}
