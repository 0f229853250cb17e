package config

import "time"

// coldStarts reads whether cold starts are to take what AWS's do.
func (p *props) coldStarts() string {
	if p.enum("coldStarts", "", "aws", "measured") == "aws" {
		return "aws"
	}
	return ""
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
