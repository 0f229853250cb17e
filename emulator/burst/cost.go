package burst

import "fmt"

// Prices in US dollars: the first tier of us-east-1, without the free tier, as https://aws.amazon.com/lambda/pricing lists them (2026). ARM is arm64.
const (
	PricePerRequest               = 0.20 / 1e6
	PricePerGBSecond              = 0.0000166667
	PricePerGBSecondARM           = 0.0000133334
	PricePerProvisionedGBSecond   = 0.0000041667 // while it is provisioned, used or not
	PricePerProvisionedARM        = 0.0000033334
	PricePerGBSecondInProvisioned = 0.0000097222 // of requests in provisioned environments
	PricePerGBSecondInARM         = 0.0000077778
)

// PriceSource says where the prices come from.
const PriceSource = "us-east-1, first tier, without the free tier: https://aws.amazon.com/lambda/pricing"

// Usage is what is paid for. Durations are billed ones: rounded up to whole milliseconds, INIT of on-demand environments included (spec lambda.md
// §4.1).
type Usage struct {
	Requests int64 `json:"requests"`
	// GBSeconds of on-demand environments; InProvisioned of requests in provisioned ones; Provisioned of what was kept provisioned.
	GBSeconds     float64 `json:"gbSeconds"`
	InProvisioned float64 `json:"gbSecondsInProvisioned"`
	Provisioned   float64 `json:"gbSecondsProvisioned"`
}

// Add sums usages up.
func (u *Usage) Add(o Usage) {
	u.Requests += o.Requests
	u.GBSeconds += o.GBSeconds
	u.InProvisioned += o.InProvisioned
	u.Provisioned += o.Provisioned
}

// Dollars is the price of the usage on an architecture, x86_64 or arm64.
func (u Usage) Dollars(architecture string) float64 {
	perSecond, kept, within := PricePerGBSecond, PricePerProvisionedGBSecond, PricePerGBSecondInProvisioned
	if architecture == "arm64" {
		perSecond, kept, within = PricePerGBSecondARM, PricePerProvisionedARM, PricePerGBSecondInARM
	}
	return float64(u.Requests)*PricePerRequest + u.GBSeconds*perSecond + u.Provisioned*kept + u.InProvisioned*within
}

// month in seconds, as AWS's price examples have it: 730 hours.
const month = 730 * 3600

// keeping is the price of a month in which so many GB are kept provisioned.
func keeping(gb float64, architecture string) float64 {
	return Usage{Provisioned: gb * month}.Dollars(architecture)
}

// Cost is an estimate of what a load costs on AWS.
type Cost struct {
	Usage
	Dollars float64 `json:"dollars"`
	// KeepingPerMonth is what provisioned concurrency costs in a month, whatever is invoked.
	KeepingPerMonth float64 `json:"keepingPerMonth,omitempty"`
	Prices          string  `json:"prices"`
}

// words leaves out what there is nothing of.
func (c Cost) words() string {
	out := fmt.Sprintf("$%.6f: %s requests, %.3f GB-s", c.Dollars, count(c.Requests), c.GBSeconds)
	if c.InProvisioned > 0 {
		out += fmt.Sprintf(", %.3f GB-s in provisioned", c.InProvisioned)
	}
	if c.Provisioned > 0 {
		out += fmt.Sprintf(", %.3f GB-s provisioned", c.Provisioned)
	}
	out += " (estimate)"
	if c.KeepingPerMonth > 0 {
		out += fmt.Sprintf("; keeping it provisioned: $%.2f a month", c.KeepingPerMonth)
	}
	return out
}
