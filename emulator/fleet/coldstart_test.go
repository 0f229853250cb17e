package fleet

import (
	"math"
	"slices"
	"testing"
)

// 2,000 draws of each row have its median within 5 % and its 99th percentile within 10 %.
func TestColdStartsAreDrawnFromTheTable(t *testing.T) {
	const n = 2000
	for _, row := range ColdStarts() {
		for _, seed := range []uint64{1, 2, 77} {
			s := NewColdStartSampler(seed, "hello", row, Package{Type: row.PackageType})
			inits := make([]float64, n)
			for i := range inits {
				inits[i] = float64(s.Draw(uint64(i)).Init) / 1e6
			}
			slices.Sort(inits)
			p50, p99 := inits[n/2], inits[n*99/100]
			if math.Abs(p50/row.P50-1) > 0.05 || math.Abs(p99/row.P99-1) > 0.10 {
				t.Errorf("%s %s %s, seed %d: p50 %.1f for %.0f, p99 %.1f for %.0f",
					row.Runtime, row.Language, row.PackageType, seed, p50, row.P50, p99, row.P99)
			}
		}
	}
}

func TestNearestColdStart(t *testing.T) {
	for _, c := range []struct{ runtime, language, packageType, arch, wantRuntime, wantLanguage, wantType, wantArch string }{
		{"python3.13", "", "Zip", "x86_64", "python3.13", "", "Zip", "x86_64"},
		{"python3.11", "", "Zip", "x86_64", "python3.12", "", "Zip", "x86_64"},
		{"python3.9", "", "Zip", "arm64", "python3.12", "", "Zip", "x86_64"},
		{"python3.12", "", "Image", "x86_64", "python3.14", "", "Image", "x86_64"},
		{"nodejs18.x", "", "Zip", "x86_64", "nodejs20.x", "", "Zip", "x86_64"},
		{"nodejs20.x", "", "Zip", "arm64", "nodejs24.x", "", "Zip", "arm64"},
		{"nodejs20.x", "", "Image", "arm64", "nodejs24.x", "", "Image", "x86_64"},
		{"java8.al2", "", "Zip", "x86_64", "java11", "", "Zip", "x86_64"},
		{"java19", "", "Zip", "x86_64", "java21", "", "Zip", "x86_64"},
		{"dotnet9", "", "Zip", "x86_64", "dotnet10", "", "Zip", "x86_64"},
		{"provided.al2023", "", "Zip", "arm64", "provided.al2023", "go", "Zip", "arm64"},
		{"provided.al2", "", "Image", "arm64", "provided.al2023", "go", "Image", "x86_64"},
		{"provided.al2023", "rust", "Image", "x86_64", "provided.al2023", "rust", "Zip", "x86_64"},
		{"go1.x", "", "Zip", "x86_64", "provided.al2023", "go", "Zip", "x86_64"},
	} {
		got, ok := ColdStartOf(c.runtime, c.language, c.packageType, c.arch)
		if !ok || got.Runtime != c.wantRuntime || got.Language != c.wantLanguage || got.PackageType != c.wantType || got.Architecture != c.wantArch {
			t.Errorf("%s %s %s %s takes %+v, %v", c.runtime, c.language, c.packageType, c.arch, got, ok)
		}
	}
	for _, c := range [][2]string{{"cobol85", ""}, {"provided.al2023", "cobol"}, {"custom", ""}, {"", ""}} {
		if got, ok := ColdStartOf(c[0], c[1], "Zip", "x86_64"); ok {
			t.Errorf("%v takes %+v", c, got)
		}
	}
}

// A draw is the same whatever else was drawn, and another for every seed, function and number.
func TestColdStartStreams(t *testing.T) {
	row, _ := ColdStartOf("nodejs24.x", "", "Zip", "x86_64")
	p := Package{Type: "Zip", SizeMB: 10}
	a, again := NewColdStartSampler(7, "a", row, p), NewColdStartSampler(7, "a", row, p)
	third := a.Draw(3)
	for i := range uint64(10) {
		again.Draw(9 - i)
	}
	if got := again.Draw(3); got != third {
		t.Errorf("draw 3 is %+v, then %+v", third, got)
	}
	for name, other := range map[string]Delay{
		"seed": NewColdStartSampler(8, "a", row, p).Draw(3), "function": NewColdStartSampler(7, "b", row, p).Draw(3), "number": a.Draw(4),
	} {
		if other.Init == third.Init || other.Sandbox == third.Sandbox || other.Download == third.Download {
			t.Errorf("another %s draws the same: %+v", name, other)
		}
	}
}

// A bigger package takes longer to fetch, an image only the part of it that is read.
func TestDownloadBySize(t *testing.T) {
	median := func(p Package) float64 {
		s := NewColdStartSampler(1, "f", ColdStart{P50: 1, P99: 1}, p)
		draws := make([]Time, 2001)
		for i := range draws {
			draws[i] = s.Draw(uint64(i)).Download
		}
		slices.Sort(draws)
		return float64(draws[1000]) / 1e6
	}
	for _, c := range []struct {
		p    Package
		want float64
	}{{Package{"Zip", 0}, 0}, {Package{"Zip", 50}, 640}, {Package{"Zip", 100}, 1280}, {Package{"Image", 1000}, 819.2}} {
		if got := median(c.p); math.Abs(got-c.want) > 0.05*c.want {
			t.Errorf("%+v takes %.0f ms, want %.0f", c.p, got, c.want)
		}
	}
}

func TestLifetimes(t *testing.T) {
	l := AWSLifetimes(5)
	seen := map[Time]bool{}
	for n := range uint64(1000) {
		got := l.draw(1e9, 3, n)
		if again := l.draw(1e9, 3, n); again != got {
			t.Fatalf("environment %d: %+v, then %+v", n, got, again)
		}
		if got.idleTimeout < l.Idle.Min || got.idleTimeout > l.Idle.Max || got.expires < 1e9+l.Age.Min || got.expires > 1e9+l.Age.Max {
			t.Fatalf("environment %d lives %+v", n, got)
		}
		seen[got.idleTimeout] = true
	}
	if len(seen) < 990 {
		t.Errorf("%d different idle timeouts of 1000", len(seen))
	}
	if other := l.draw(1e9, 4, 0); seen[other.idleTimeout] {
		t.Errorf("another function draws the same")
	}
}
