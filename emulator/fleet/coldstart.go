package fleet

import (
	"hash/fnv"
	"math"
	"strconv"
	"strings"
)

// ColdStart is one row of the table of published cold starts: the Init Duration of a hello-world function, in milliseconds (spec lambda.md §7: 45
// daily runs of 10 cold starts, July and August 2026).
type ColdStart struct {
	// Runtime as AWS names it. Language tells the rows of provided runtimes apart, which run anything.
	Runtime, Language string
	// PackageType is Zip or Image, Architecture x86_64 or arm64.
	PackageType, Architecture string
	P50, P90, P99, Max        float64
}

// ColdStarts is the table of spec lambda.md §7.
func ColdStarts() []ColdStart {
	const zip, image, x86, arm = "Zip", "Image", "x86_64", "arm64"
	return []ColdStart{
		{"provided.al2023", "rust", zip, x86, 16, 22, 52, 66},
		{"provided.al2023", "go", zip, x86, 50, 53, 74, 86},
		{"provided.al2023", "go", zip, arm, 43, 45, 50, 54},
		{"provided.al2023", "c++", zip, x86, 65, 88, 133, 171},
		{"python3.12", "", zip, x86, 85, 99, 128, 212},
		{"python3.13", "", zip, x86, 84, 103, 129, 242},
		{"python3.14", "", zip, x86, 107, 152, 269, 290},
		{"nodejs20.x", "", zip, x86, 142, 160, 193, 269},
		{"nodejs22.x", "", zip, x86, 140, 164, 198, 212},
		{"nodejs24.x", "", zip, x86, 135, 157, 198, 262},
		{"nodejs24.x", "", zip, arm, 125, 133, 161, 240},
		{"java11", "", zip, x86, 278, 377, 583, 657},
		{"java17", "", zip, x86, 204, 231, 504, 586},
		{"java21", "", zip, x86, 239, 268, 597, 612},
		{"java25", "", zip, x86, 192, 307, 495, 532},
		{"provided.al2023", "graalvm", zip, x86, 152, 166, 201, 290},
		{"dotnet8", "", zip, x86, 251, 329, 641, 759},
		{"dotnet10", "", zip, x86, 253, 543, 674, 763},
		{"provided.al2023", "dotnet-aot", zip, x86, 87, 98, 119, 139},
		{"ruby3.3", "", zip, x86, 235, 388, 475, 521},
		{"ruby3.4", "", zip, x86, 222, 387, 473, 585},
		{"provided.al2023", "llrt", zip, x86, 68, 74, 84, 125},
		{"provided.al2", "bun", zip, x86, 345, 369, 418, 538},
		{"python3.14", "", image, x86, 176, 332, 440, 493},
		{"nodejs24.x", "", image, x86, 274, 567, 750, 908},
		{"java21", "", image, x86, 337, 592, 783, 863},
		{"java25", "", image, x86, 242, 481, 643, 685},
		{"dotnet8", "", image, x86, 397, 649, 814, 884},
		{"ruby3.4", "", image, x86, 262, 383, 472, 688},
		{"provided.al2023", "go", image, x86, 46, 85, 128, 157},
	}
}

// ColdStartOf finds the row for a function, or the nearest: a row of the same language, then of the same package type, then of the same architecture,
// then the one whose version is least away, the newer of two. So python3.11 takes python3.12's. A provided runtime whose language is not known counts as
// Go, as go1.x does; a language without rows has none, and ok is false.
func ColdStartOf(runtime, language, packageType, architecture string) (row ColdStart, ok bool) {
	family, version := familyOf(runtime, language)
	best := math.MaxInt
	for _, r := range ColdStarts() {
		f, v := familyOf(r.Runtime, r.Language)
		if f != family {
			continue
		}
		away := 2 * (v - version)
		if away < 0 {
			away = -away + 1
		}
		if r.PackageType != packageType {
			away += 1 << 30
		}
		if r.Architecture != architecture {
			away += 1 << 20
		}
		if away < best {
			best, row, ok = away, r, true
		}
	}
	return row, ok
}

// familyOf splits python3.12 into python and 312, java8.al2 into java and 800; a provided runtime is of its language's family.
func familyOf(runtime, language string) (family string, version int) {
	if strings.HasPrefix(runtime, "provided") {
		if language == "" {
			language = "go"
		}
		return language, 0
	}
	digit := strings.IndexAny(runtime, "0123456789")
	if digit < 0 {
		return runtime, 0
	}
	family = runtime[:digit]
	if family == "go" {
		return family, 0
	}
	major, minor, _ := strings.Cut(runtime[digit:], ".")
	a, _ := strconv.Atoi(major) // "8" of java8.al2
	b, _ := strconv.Atoi(minor) // "x" and "al2" are 0
	return family, a*100 + b
}

// LogNormal is the distribution of cold starts, through two of its points (spec lambda.md §7). Units are the caller's.
type LogNormal struct{ P50, P99 float64 }

// z99 is the standard normal distribution's 99th percentile.
const z99 = 2.326

// At is the value that a share u of all draws, between 0 and 1, stays below. A P99 that is not above P50 gives P50 always.
func (l LogNormal) At(u float64) float64 {
	if l.P99 <= l.P50 || l.P50 <= 0 {
		return l.P50
	}
	sigma := math.Log(l.P99/l.P50) / z99
	return l.P50 * math.Exp(sigma*math.Sqrt2*math.Erfinv(2*u-1))
}

// Init is the distribution of the row's Init Duration in milliseconds.
func (c ColdStart) Init() LogNormal { return LogNormal{c.P50, c.P99} }

// Package is what AWS has to fetch for an environment: a zip's compressed size or an image's, in MB.
type Package struct {
	Type   string
	SizeMB float64
}

// What a cold start costs before the process exists. Nothing of it is in Init Duration; callers see it in their latency.
//
// sandboxCreation is read from spec lambda.md §7: clients typically see 50 to 150 ms beside Init Duration for small zips (unsure there). We take these
// for the 5th and the 95th percentile, in milliseconds. megabytesPerSecond is the 625 Mbit/s per sandbox of §7 (unsure there). imageShare is the share
// of an image that a container reads while it starts, 6.4 %, as measured by Harter et al., "Slacker", FAST 2016; Lambda loads images on demand, too. That
// the time of a download varies by a factor of 2 between its median and its 99th percentile is an assumption of ours.
const (
	sandboxP50, sandboxP99 = 87, 188
	megabytesPerSecond     = 625.0 / 8
	imageShare             = 0.064
	downloadSpread         = 2
)

// Delay is one cold start, in parts.
type Delay struct {
	// Sandbox creation and Download of the code come before the process exists. Init is the Init Duration of a hello-world function.
	Sandbox, Download, Init Time
}

// ColdStartSampler draws the cold starts of one function. Its n-th draw depends on the seed, the function's name and n alone: not on other
// functions, and not on the order of calls.
type ColdStartSampler struct {
	seed, function    uint64
	init              LogNormal
	sandbox, download LogNormal
}

// NewColdStartSampler makes the sampler of one function.
func NewColdStartSampler(seed uint64, function string, row ColdStart, p Package) *ColdStartSampler {
	h := fnv.New64a()
	_, _ = h.Write([]byte(function)) // never fails
	size := p.SizeMB
	if p.Type == "Image" {
		size *= imageShare
	}
	download := size / megabytesPerSecond * 1e3
	return &ColdStartSampler{
		seed: seed, function: h.Sum64(), init: row.Init(), sandbox: LogNormal{sandboxP50, sandboxP99},
		download: LogNormal{download, downloadSpread * download},
	}
}

// Draw is the cold start of the function's n-th environment.
func (c *ColdStartSampler) Draw(n uint64) Delay {
	s := newStream(c.seed, c.function, n)
	return Delay{
		Init:     milliseconds(c.init.At(s.uniform())),
		Sandbox:  milliseconds(c.sandbox.At(s.uniform())),
		Download: milliseconds(c.download.At(s.uniform())),
	}
}

func milliseconds(ms float64) Time { return Time(math.Round(ms * 1e6)) }
