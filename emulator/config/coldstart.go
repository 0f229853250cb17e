package config

import "time"

// accountLimits are the properties of a limits section.
const accountLimits = "concurrency requestRate startBurst startsPerSecond"

// coldStarts reads whether cold starts are to take what AWS's do.
func (p *props) coldStarts() string {
	if p.enum("coldStarts", "", "aws", "measured") == "aws" {
		return "aws"
	}
	return ""
}

// account reads what holds for the account's environments: how long an idle one lives, and the limits, where there are any.
func (p *props) account(project *Project, limits *props) {
	project.IdleTimeout = p.duration("idleTimeout", 0, time.Millisecond, 24*time.Hour)
	if limits == nil {
		return
	}
	project.AccountConcurrency = limits.integer("concurrency", 0, 1, 1_000_000)
	project.StartBurst = limits.integer("startBurst", 0, 1, 1_000_000)
	project.StartsPerSecond = limits.integer("startsPerSecond", 0, 1, 1_000_000)
	if project.RequestRate = limits.integer("requestRate", 0, 0, 1_000_000); limits.has("requestRate") && project.RequestRate == 0 {
		project.RequestRate = -1 // no such quota
	}
}

// warm reads a function's warmer.
func (p *props) warm() *Warm {
	w := p.nested("warm")
	if w == nil {
		return nil
	}
	return &Warm{
		Every: w.duration("every", 5*time.Minute, time.Second, 24*time.Hour), Concurrency: w.integer("concurrency", 1, 1, 10_000),
		Sequential: w.boolean("sequential"), Payload: w.text("payload"),
	}
}
